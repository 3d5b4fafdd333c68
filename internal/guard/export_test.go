package guard

// Whole reports whether nothing of the memory is held.
func (m *Memory) Whole() bool {
	if !m.free.TryAcquire(m.size) {
		return false
	}
	m.free.Release(m.size)
	return true
}

package event

func (d *decoder) markup(val string, at leafAt) {}

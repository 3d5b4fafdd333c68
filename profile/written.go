package profile

// PathOf writes steps below a route as a Field has them: members with a dot in
// front, [] for elements, .* for any member. No steps are the value itself.
func PathOf(steps Place) string { return formatPath(steps) }

// SegmentOf is a segment of a path as it stands in the routes of fronts that know
// no templates: what varies from one request to the next is replaced by its kind.
func SegmentOf(s string) string { return segmentOf(s) }

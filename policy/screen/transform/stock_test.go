package transform_test

import (
	_ "unsafe" // for go:linkname

	_ "github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// stock is Coraza's table of transformations, by lower-case name. Coraza lets
// transformations be registered but not looked up; a test may look all the same.
//
//go:linkname stock github.com/corazawaf/coraza/v3/internal/transformations.transformations
var stock map[string]plugintypes.Transformation

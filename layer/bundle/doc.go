// Package bundle makes and checks the archives that go to Lambda: the layer,
// and function packages with the bootstrap shim in them. It works on bytes and
// knows nothing of compilers, AWS or the command line.
//
// A mistake in a layer cannot be survived at run time: a wrong mode bit or a
// program for the other architecture in extensions/ fails INIT of every
// function that has it. So Check runs on whatever Build makes, and reports all
// faults together.
//
// Archives are reproducible: equal input gives equal bytes, whatever the clock
// and the machine.
package bundle

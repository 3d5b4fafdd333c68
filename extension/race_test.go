//go:build race

package main_test

// raceDetector: the extension is built with it where the tests are.
const raceDetector = true

// Package review reads verdict lines back and makes of them what people look at:
// a summary for the terminal, one page of HTML, the explanation of one verdict.
// It decides nothing and is not part of the layer.
//
// Everything it reads is hostile. Whoever can make a function print can write
// lines that look like ours, so numbers are bounded, texts are cleaned as they
// are read, and with the deployment's key only lines that it signed count. What
// is left out for any reason is counted and named by file and line.
package review

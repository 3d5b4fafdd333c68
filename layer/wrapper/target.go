package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// shimName is what Lambda calls the program of a provided.* function, and
// realName what `merlon layer wrap` renames it to.
const (
	shimName = "bootstrap"
	realName = "bootstrap.merlon-real"
)

// target is the program to execute.
type target struct {
	via  string // how we were started, for the hello
	path string
	argv []string
}

// failure is why nothing was started.
type failure struct {
	status         int
	reason, remedy string
}

const (
	statusUsage         = 2
	statusNotExecutable = 126 // POSIX, "Shell Command Language" §2.8.2
	statusNotFound      = 127
)

// find tells from our own arguments what is to be started. As bootstrap, argv
// is passed on whole, argv[0] too: the real program sees what it would have
// seen.
func find(args, environ []string) (target, *failure) {
	if len(args) > 0 && path.Base(args[0]) == shimName {
		real, err := beside(args[0], environ)
		return target{via: shimName, path: real, argv: args}, err
	}
	if len(args) < 2 {
		return target{}, &failure{statusUsage, "no program to start was given", `set AWS_LAMBDA_EXEC_WRAPPER=/opt/merlon-wrapper, or ENTRYPOINT ["/opt/merlon-wrapper", "program", "arguments"]`}
	}
	program, err := lookPath(args[1], environ)
	return target{via: "wrapper", path: program, argv: args[1:]}, err
}

// beside finds the real bootstrap: next to our own file, else in the function's
// directory.
func beside(argv0 string, environ []string) (string, *failure) {
	var dirs []string
	if self, err := os.Executable(); err == nil {
		dirs = append(dirs, path.Dir(self))
	}
	if root := getenv(environ, "LAMBDA_TASK_ROOT"); root != "" {
		dirs = append(dirs, root)
	}
	for _, dir := range append(dirs, path.Dir(argv0)) {
		if real := path.Join(dir, realName); isFile(real) {
			return real, nil
		}
	}
	return "", &failure{statusNotFound, realName + " is not beside " + shimName, "make the package again with merlon layer wrap"}
}

// through puts another launcher between us and the program.
func (t target) through(wrapper string) target {
	argv := append([]string{wrapper, t.path}, t.argv[1:]...)
	return target{via: t.via, path: wrapper, argv: argv}
}

// check refuses to execute ourselves: it would never end.
func (t target) check() *failure {
	self, err := os.Stat("/proc/self/exe")
	if err != nil {
		return nil // no /proc: the kernel's own limits end a loop of scripts, nothing ends ours
	}
	if other, err := os.Stat(t.path); err == nil && os.SameFile(self, other) {
		return &failure{statusNotExecutable, strconv.Quote(t.path) + " is this launcher itself", "name the runtime's own program; MERLON_NEXT_WRAPPER is for other products' wrappers"}
	}
	return nil
}

// lookPath finds a program as execvp(3) does. Empty entries of PATH, which mean
// the working directory, are passed over.
func lookPath(name string, environ []string) (string, *failure) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	dirs := getenv(environ, "PATH")
	if dirs == "" {
		dirs = "/usr/local/bin:/usr/bin:/bin"
	}
	status := statusNotFound
	for dir := range strings.SplitSeq(dirs, ":") {
		if dir == "" || name == "" {
			continue
		}
		file := path.Join(dir, name)
		info, err := os.Stat(file)
		switch {
		case err != nil || info.IsDir():
		case info.Mode()&0o111 != 0:
			return file, nil
		default:
			status = statusNotExecutable
		}
	}
	if status == statusNotExecutable {
		return "", &failure{status, strconv.Quote(name) + " in PATH is not executable", "set its mode to 0755 in the package"}
	}
	return "", &failure{status, strconv.Quote(name) + " is not in PATH", "give the program's whole path"}
}

// execError explains why execve(2) refused.
func execError(program string, err error) *failure {
	name := strconv.Quote(program)
	f := &failure{statusNotExecutable, "start " + name + ": " + err.Error(), ""}
	switch {
	case errors.Is(err, fs.ErrNotExist) && isFile(program):
		f.remedy = "the file is there, its interpreter or loader is not: check its #! line, or build it for this image"
	case errors.Is(err, fs.ErrNotExist):
		f.status = statusNotFound
		f.remedy = "check the path; files of a layer are under /opt, of the function under /var/task"
	case errors.Is(err, fs.ErrPermission):
		f.remedy = "set its mode to 0755 in the package"
	case errors.Is(err, syscall.ENOEXEC):
		f.remedy = "it is built for another architecture, or a script without a #! line"
	}
	return f
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && !info.IsDir()
}

func getenv(environ []string, name string) string {
	for _, entry := range environ {
		if k, v, ok := strings.Cut(entry, "="); ok && k == name {
			return v
		}
	}
	return ""
}

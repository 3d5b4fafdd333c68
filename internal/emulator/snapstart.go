package emulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// SnapStart: INIT runs to its end, a snapshot is taken, and every environment
// starts from it ("Improving startup performance with Lambda SnapStart"). Here
// the one environment stands still from the snapshot until an invocation
// restores it; it cannot be restored twice.

// restoreTimeout is what afterRestore hooks may take.
const restoreTimeout = 10 * time.Second

// restore lets an environment that waits behind its snapshot go on, and returns
// when its runtime polls.
func (l *Lambda) restore() *fault {
	env := l.environment()
	if env == nil || !l.opts.SnapStart {
		return nil
	}
	waits, calls := false, false
	env.update(func() {
		waits = env.ready && !env.restored
		calls = waits && env.runtime.phase == runtimeRestoreReady
		env.restored = env.restored || waits
	})
	if !waits {
		return nil
	}
	env.thaw()
	l.logs.platform("RESTORE_START Runtime Version: " + l.opts.Function.Runtime)
	start := time.Now()
	if !calls {
		return nil // a runtime without hooks polls already, and is released by the event
	}
	env.update(func() {
		env.runtime.phase = runtimeRestoring
		close(env.runtime.restore)
	})
	ctx, cancel := context.WithTimeoutCause(l.life, restoreTimeout, errTimeout)
	defer cancel()
	f := env.await(ctx, env.runtime.idle)
	if f != nil && f.status == StatusTimeout {
		f = &fault{errorType: "Runtime.Unknown", message: "the runtime did not come back from its restore hooks", status: StatusFailure}
	}
	l.logs.platform(fmt.Sprintf("RESTORE_REPORT Restore Duration: %.2f ms", milliseconds(time.Since(start))))
	return f
}

// awaitRestore is GET …/restore/next: the end of INIT for a runtime with hooks.
// It reports false if the environment ended first.
func (e *environment) awaitRestore() (bool, error) {
	err := func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		r := &e.runtime
		if r.phase != runtimeStarted || r.polling {
			return &transitionError{r.phase, runtimeRestoreReady, causeNotAllowed}
		}
		r.phase = runtimeRestoreReady
		e.wake()
		return nil
	}()
	if err != nil {
		return false, err
	}
	select {
	case <-e.runtime.restore:
		return true, nil
	case <-e.gone:
		return false, nil
	}
}

func (e *environment) serveRestoreNext(w http.ResponseWriter, _ *http.Request) {
	ok, err := e.awaitRestore()
	switch {
	case err != nil:
		writeInvalidState(w, err)
	case !ok:
		panic(http.ErrAbortHandler)
	default:
		w.WriteHeader(http.StatusOK)
	}
}

// serveRestoreError takes the failure of a hook. It ends the environment.
func (e *environment) serveRestoreError(w http.ResponseWriter, r *http.Request) {
	e.takeReport(w, r, e.restoreError, e.fail)
}

func (e *environment) restoreError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.runtime.phase != runtimeRestoring || e.runtime.polling {
		return &transitionError{e.runtime.phase, runtimeRestoreError, causeNotAllowed}
	}
	e.runtime.phase = runtimeRestoreError
	return nil
}

// credentialEnv is how the processes get the role's credentials: as variables,
// or, where variables would end up in the snapshot, from an endpoint.
func (e *environment) credentialEnv() map[string]string {
	if e.opts.SnapStart {
		return map[string]string{
			"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://" + e.api + credentialsPath,
			"AWS_CONTAINER_AUTHORIZATION_TOKEN":  e.token,
		}
	}
	c := e.opts.Credentials
	return map[string]string{
		"AWS_ACCESS_KEY_ID": c.AccessKeyID, "AWS_SECRET_ACCESS_KEY": c.SecretAccessKey, "AWS_SESSION_TOKEN": c.SessionToken,
	}
}

const credentialsPath = "/2021-04-23/credentials"

// snapshotToken is the session token before the restore, which brings others:
// what was fetched too early can be told by it.
const snapshotToken = "session-token-of-the-snapshot"

func (e *environment) serveCredentials(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != e.token {
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, "cannot get credentials for the provided token\n")
		return
	}
	c, when := e.opts.Credentials, "after"
	if !e.isRestored() {
		c.SessionToken, when = snapshotToken, "before"
	}
	e.logs.platform("credentials fetched " + when + " the restore")
	writeJSON(w, http.StatusOK, map[string]string{
		"AccessKeyId": c.AccessKeyID, "SecretAccessKey": c.SecretAccessKey, "Token": c.SessionToken,
		"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	})
}

func (e *environment) isRestored() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.restored
}

var errFrozen = errors.New("concurrency with Freeze or SnapStart: Managed Instances are neither frozen nor restored from a snapshot")

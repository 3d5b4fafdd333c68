# Every target is what CI runs. "make help" explains them.
SHARED ?= ../shared
ARCHES  = amd64 arm64
VERSION ?= $(shell cat VERSION)
# The extension leaves out of Coraza what it never uses; tinygo is Coraza's tag
# for a build without audit-log formats and schema validation (docs/RATIONALE.md).
TAGS    = tinygo,no_fs_access,coraza.disabled_operators.validateSchema,coraza.disabled_operators.rbl,coraza.disabled_operators.inspectFile,coraza.disabled_operators.geoLookup,coraza.disabled_operators.restpath,coraza.disabled_operators.validateNid
LDFLAGS = -s -w -X github.com/merlon-security/merlon/internal/agent.Version=$(VERSION)
GOBUILD = CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -tags '$(TAGS)'
RACE    = $(shell sh scripts/race.sh)

.PHONY: help demo run test test-race hostile test-pages lint layer cli score detection ftw otel parity templates bench fuzz fuzz-screen rules clean
.DEFAULT_GOAL := help

help: ## Explain the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */\1\t/' | expand -t 14

demo: layer cli ## Attack a real function behind the real layer, and show what came of it
	@go run ./scripts/demo -opt build/opt

run: layer cli ## Serve the sample function behind the layer (MERLON_MODE=block to refuse)
	@CGO_ENABLED=0 go build -tags lambda.norpc -o build/orders/bootstrap ./testdata/functions/orders
	@build/merlon run --task-root build/orders --name orders -- ./bootstrap

test: ## Run all tests, and those of the engine once more as it ships
	go test ./...
	go test -tags '$(TAGS)' ./policy/waf ./internal/guard ./extension

test-race: ## Run the tests of everything concurrent with the race detector, where a C compiler is present
	@scripts/race.sh --say
	go test $(RACE) ./proxy/... ./internal/... ./layer/... ./extension/...
	go test $(RACE) -run 'Concurrent' ./policy/screen/... ./policy/when
	go test $(RACE) -tags '$(TAGS)' -run 'Concurrent' ./policy/waf

hostile: ## Run the extension and a Node function in 128 MB of memory, under hostile events (needs Node, and a memory control group)
	go test ./extension -run TestE4 -count=1 -v -merlon.hostile

.PHONY: test-runtimes soak
test-runtimes: ## Compare Go, Node, bash and Python directly and behind the layer (Node 20, npm, Python 3, curl; UPDATE=1 writes docs/PARITY.md)
	@set -e; ric=$$(scripts/runtimes/install.sh); set -x; \
	go test ./internal/runtimes -count=1 -timeout 10m -merlon.node "$$ric" -merlon.soak 3000 $(if $(UPDATE),-run 'TestParity$$' -update)

soak: ## Send 100,000 mixed invocations through one environment: none lost or doubled, no leak (SOAK=n for another number)
	go test ./internal/runtimes -run TestSoak -count=1 -timeout 2h -v -merlon.soak $(or $(SOAK),100000)

lint: ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	go vet ./...
	go tool -modfile=scripts/lint/go.mod staticcheck ./...

cli: ## Build the command line tool into build/merlon
	@$(GOBUILD) -o build/merlon ./cmd/merlon

layer: cli ## Cross-build dist/merlon-layer-{x86_64,arm64}.zip and unpack the native one to build/opt
	@set -e; for a in $(ARCHES); do \
		GOARCH=$$a GOOS=linux $(GOBUILD) -o build/layer/$$a/extension ./extension; \
		GOARCH=$$a GOOS=linux $(GOBUILD) -o build/layer/$$a/wrapper ./layer/wrapper; \
	done
	@scripts/notices.sh ./extension ./layer/wrapper > build/layer/NOTICES
	@build/merlon layer build --release $(VERSION) --notices build/layer/NOTICES --from build/layer --out dist --unpack build/opt

score: cli ## Measure detection over the corpora in SHARED
	@scripts/score.sh "$(SHARED)"

detection: ## Write the tables of docs/DETECTION.md: the corpus in SHARED through Merlon, the Core Rule Set and libddwaf
	@scripts/detection.sh "$(SHARED)"

ftw: ## Run the Core Rule Set's own regression tests through every HTTP front
	go test ./internal/regression -count=1 -timeout 20m -v -merlon.full

otel: ## Send verdicts to the real OpenTelemetry Collector, and read them back
	@cd scripts/otel && go build -o ../../build/otel .
	go test ./internal/report/sink -count=1 -run TestCollector -merlon.collector "$(CURDIR)/build/otel"

parity: ## Compare what frameworks show a handler with what is inspected (needs Node 20, npm and Python 3)
	@cd scripts/parity && npm ci --silent --no-audit --no-fund
	go run ./scripts/parity

templates: ## Check the CloudFormation templates against the resource specification (needs Node 20 and npm)
	@cd scripts/templates && npm ci --silent --no-audit --no-fund && node --test

test-pages: cli ## Drive the page of merlon report in headless Chromium, and validate SARIF (needs Node 20, npm and Chromium, which it installs where apt can)
	@scripts/pages/chromium.sh
	@cd scripts/pages && npm ci --silent --no-audit --no-fund && node --test

bench: layer ## Print the performance table and write build/bench.json (QUICK=1: two minutes)
	@cd scripts/bench && go run -tags appsec . -out ../../build/bench.json -layer ../../build/opt -shared "$(abspath $(SHARED))" $(if $(QUICK),-quick)

fuzz-screen: ## Compare screen and Coraza on a million cases
	go test ./policy/screen -run TestDifferential -timeout 0 -merlon.cases=1000000

fuzz: ## Fuzz everything that reads bytes from outside, half a minute each
	@scripts/fuzz.sh 30s

rules: ## Regenerate the embedded rule set
	go generate ./policy/screen/sqli
	go run ./policy/waf/gen -o policy/rules

clean: ## Remove what was built
	rm -rf build dist

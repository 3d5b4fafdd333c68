package sink

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

// ocsfVersion is the version of the Open Cybersecurity Schema Framework that
// findings follow. It is written in each, because meanings change between
// versions: metadata.uid did in 1.7.
const ocsfVersion = "1.8.0"

// detection is class 2004, Detection Finding, with the profiles cloud and
// security_control (schema.ocsf.io/1.8.0/classes/detection_finding).
type detection struct {
	ActivityID    int              `json:"activity_id"`
	ActivityName  string           `json:"activity_name"`
	CategoryUID   int              `json:"category_uid"`
	CategoryName  string           `json:"category_name"`
	ClassUID      int              `json:"class_uid"`
	ClassName     string           `json:"class_name"`
	TypeUID       int              `json:"type_uid"`
	TypeName      string           `json:"type_name"`
	Time          int64            `json:"time"`
	Message       string           `json:"message"`
	SeverityID    int              `json:"severity_id"`
	Severity      string           `json:"severity"`
	StatusID      int              `json:"status_id"`
	Status        string           `json:"status"`
	ActionID      int              `json:"action_id"`
	Action        string           `json:"action"`
	DispositionID int              `json:"disposition_id"`
	Disposition   string           `json:"disposition"`
	IsAlert       bool             `json:"is_alert"`
	Count         int              `json:"count,omitempty"`
	Metadata      ocsfMetadata     `json:"metadata"`
	Cloud         ocsfCloud        `json:"cloud"`
	FindingInfo   ocsfFinding      `json:"finding_info"`
	Resources     []ocsfResource   `json:"resources"`
	Evidences     []ocsfEvidence   `json:"evidences,omitempty"`
	Observables   []ocsfObservable `json:"observables,omitempty"`
	Unmapped      map[string]any   `json:"unmapped,omitempty"`
}

type ocsfMetadata struct {
	Version        string      `json:"version"`
	UID            string      `json:"uid"`
	CorrelationUID string      `json:"correlation_uid,omitempty"`
	EventCode      string      `json:"event_code"`
	Sequence       uint64      `json:"sequence"`
	LoggedTime     int64       `json:"logged_time"`
	Product        ocsfProduct `json:"product"`
	Profiles       []string    `json:"profiles"`
}

type ocsfProduct struct {
	Name    string `json:"name"`
	Vendor  string `json:"vendor_name"`
	Version string `json:"version"`
}

type ocsfCloud struct {
	Provider string       `json:"provider"`
	Region   string       `json:"region,omitempty"`
	Account  *ocsfAccount `json:"account,omitempty"`
}

type ocsfAccount struct {
	UID    string `json:"uid"`
	Type   string `json:"type"`
	TypeID int    `json:"type_id"`
}

type ocsfFinding struct {
	UID         string        `json:"uid"`
	Title       string        `json:"title"`
	Description string        `json:"desc"`
	CreatedTime int64         `json:"created_time"`
	Types       []string      `json:"types,omitempty"`
	Analytic    *ocsfAnalytic `json:"analytic,omitempty"`
	Attacks     []ocsfAttack  `json:"attacks,omitempty"`
}

type ocsfAnalytic struct {
	Name    string `json:"name"`
	UID     string `json:"uid"`
	Type    string `json:"type"`
	TypeID  int    `json:"type_id"`
	Version string `json:"version,omitempty"`
}

type ocsfAttack struct {
	Technique ocsfTechnique `json:"technique"`
}

type ocsfTechnique struct {
	UID string `json:"uid"`
}

type ocsfResource struct {
	UID     string `json:"uid,omitempty"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Version string `json:"version,omitempty"`
	Region  string `json:"region,omitempty"`
}

type ocsfEvidence struct {
	Source  *ocsfEndpoint `json:"src_endpoint,omitempty"`
	Request *ocsfRequest  `json:"http_request,omitempty"`
	Reply   *ocsfReply    `json:"http_response,omitempty"`
	Data    any           `json:"data,omitempty"`
}

type ocsfEndpoint struct {
	IP string `json:"ip"`
}

type ocsfRequest struct {
	Method string `json:"http_method,omitempty"`
}

type ocsfReply struct {
	Code int `json:"code"`
}

type ocsfObservable struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	TypeID int    `json:"type_id"`
	Value  string `json:"value"`
}

// finding makes a line of a verdict's.
func finding(it report.Item) []byte {
	var rec verdict.Record
	if json.Unmarshal(it.Line, &rec) != nil {
		return nil // Merlon's own lines always are records
	}
	b, err := json.Marshal(toOCSF(&rec))
	if err != nil {
		panic("bug: a finding holds nothing that cannot be marshalled: " + err.Error())
	}
	return append(b, '\n')
}

func toOCSF(rec *verdict.Record) detection {
	at := time.Time(rec.Time).UnixMilli()
	d := detection{
		ActivityID: 1, ActivityName: "Create", CategoryUID: 2, CategoryName: "Findings", ClassUID: 2004, ClassName: "Detection Finding",
		TypeUID: 200401, TypeName: "Detection Finding: Create", Time: at, Message: rec.Message, StatusID: 1, Status: "New",
		IsAlert: rec.Blocked || rec.WouldAction.Blocked() || rec.FailOpen,
		Metadata: ocsfMetadata{
			Version: ocsfVersion, UID: rec.ID, CorrelationUID: rec.RequestID, EventCode: string(rec.Reason), Sequence: rec.Env.Seq,
			LoggedTime: time.Time(rec.Timestamp).UnixMilli(), Profiles: []string{"cloud", "security_control"},
			Product: ocsfProduct{"Merlon", "Merlon", rec.Agent.Version},
		},
		Cloud:       ocsfCloud{Provider: "AWS", Region: rec.Region},
		FindingInfo: ocsfFinding{UID: rec.ID, Title: title(rec), Description: rec.Message, CreatedTime: at},
		Resources: []ocsfResource{{
			UID: rec.Function.ARN, Name: rec.Function.Name, Type: "AWS::Lambda::Function", Version: rec.Function.Version, Region: rec.Region,
		}},
	}
	d.SeverityID, d.Severity = ocsfSeverity(rec.Severity)
	d.ActionID, d.Action, d.DispositionID, d.Disposition = ocsfAction(rec)
	if rec.Account != "" {
		d.Cloud.Account = &ocsfAccount{UID: rec.Account, Type: "AWS Account", TypeID: 10}
	}
	if rec.Repeat != nil {
		d.Count = rec.Repeat.Count
	}
	explain(&d, rec)
	d.Evidences = []ocsfEvidence{evidenceOf(rec)}
	if rec.Source != nil && rec.Source.IP != "" {
		d.Observables = []ocsfObservable{{Name: "evidences[].src_endpoint.ip", Type: "IP Address", TypeID: 2, Value: rec.Source.IP}}
	}
	d.Unmapped = unmapped(rec)
	return d
}

func title(rec *verdict.Record) string {
	if len(rec.Matches) > 0 && rec.Matches[0].Msg != "" {
		return rec.Matches[0].Msg
	}
	return string(rec.Reason)
}

// explain names the heaviest rule and the techniques of all.
func explain(d *detection, rec *verdict.Record) {
	seen := map[string]bool{}
	for i := range rec.Matches {
		m := &rec.Matches[i]
		if i == 0 {
			d.FindingInfo.Analytic = &ocsfAnalytic{Name: m.Msg, UID: strconv.Itoa(m.RuleID), Type: "Rule", TypeID: 1, Version: rec.Ruleset}
		}
		if c := m.Tags.Class; c != "" && !seen[c] {
			seen[c] = true
			d.FindingInfo.Types = append(d.FindingInfo.Types, c)
		}
		for _, a := range m.Tags.ATTACK {
			if !seen[a] {
				seen[a] = true
				d.FindingInfo.Attacks = append(d.FindingInfo.Attacks, ocsfAttack{ocsfTechnique{a}})
			}
		}
	}
}

func evidenceOf(rec *verdict.Record) ocsfEvidence {
	e := ocsfEvidence{}
	if rec.Source != nil && rec.Source.IP != "" {
		e.Source = &ocsfEndpoint{rec.Source.IP}
	}
	if rec.HTTP != nil {
		e.Request = &ocsfRequest{Method: rec.HTTP.Method}
		if rec.HTTP.Status != 0 {
			e.Reply = &ocsfReply{rec.HTTP.Status}
		}
	}
	if len(rec.Matches) > 0 {
		e.Data = map[string]any{"matches": rec.Matches}
	}
	return e
}

// unmapped is what the class has no word for.
func unmapped(rec *verdict.Record) map[string]any {
	m := map[string]any{
		"trigger": rec.Trigger, "env": rec.Env, "mode": rec.Mode, "would_action": rec.WouldAction, "score": rec.Score, "threshold": rec.Threshold,
		"policy": rec.Policy.Version,
	}
	if rec.HTTP != nil && rec.HTTP.Route != "" {
		m["route"] = rec.HTTP.Route
	}
	if rec.Principal != nil {
		m["principal"] = rec.Principal
	}
	if len(rec.Limits) > 0 {
		m["limits"] = rec.Limits
	}
	if rec.FailOpen {
		m["fail_open"] = true
	}
	if rec.Error != "" {
		m["error"] = rec.Error
	}
	return m
}

func ocsfSeverity(s verdict.Severity) (int, string) {
	switch s {
	case verdict.SeverityLow:
		return 2, "Low"
	case verdict.SeverityMedium:
		return 3, "Medium"
	case verdict.SeverityHigh:
		return 4, "High"
	case verdict.SeverityCritical:
		return 5, "Critical"
	}
	return 1, "Informational"
}

// ocsfAction says what was done: action_id of the profile security_control, and
// what became of the event.
func ocsfAction(rec *verdict.Record) (id int, name string, disposition int, became string) {
	switch {
	case rec.Action == verdict.ActionBlock:
		return 2, "Denied", 2, "Blocked"
	case rec.Action == verdict.ActionStrip:
		return 4, "Modified", 11, "Corrected"
	case rec.FailOpen:
		return 1, "Allowed", 16, "No Action"
	}
	return 3, "Observed", 17, "Logged"
}

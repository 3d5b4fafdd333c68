package verdict

import "strings"

// Classes are the kinds of attack that rules look for: what stands behind
// attack- in their tags. Policies name rules by them. (A test of policy/waf
// compares them with the rules.)
func Classes() []string {
	return []string{
		"behaviour", "deprecated-header", "disclosure", "fixation", "generic", "graphql", "injection-generic", "injection-java", "injection-php", "jwt", "ldapi", "lfi",
		"multipart-header", "nosqli", "protocol", "rce", "reputation-scanner", "rfi", "sqli", "ssi", "ssrf", "ssti", "xpath", "xss", "xxe",
	}
}

// Class is the kind of attack that a tag names; ok is false for other tags.
func Class(tag string) (class string, ok bool) {
	return strings.CutPrefix(strings.ToLower(tag), "attack-")
}

// Taxonomy sorts a rule's tags by the catalogue they refer to. CRS writes
// attack-sqli, OWASP_TOP_10/A03 or owasp-a03, capec/1000/152/66; our packs
// write cwe/89 and attack/T1190 as well.
func Taxonomy(tags []string) Taxonomies {
	var t Taxonomies
	for _, tag := range tags {
		low := strings.ToLower(tag)
		switch {
		case strings.HasPrefix(low, "attack-"):
			if t.Class == "" {
				t.Class, _ = Class(low)
			}
		case strings.HasPrefix(low, "attack/"):
			t.ATTACK = append(t.ATTACK, strings.ToUpper(low[len("attack/"):]))
		case strings.HasPrefix(low, "owasp_top_10/"), strings.HasPrefix(low, "owasp-a"):
			t.OWASP = append(t.OWASP, tag)
		case strings.HasPrefix(low, "capec/"):
			t.CAPEC = append(t.CAPEC, low[strings.LastIndexByte(low, '/')+1:])
		case strings.HasPrefix(low, "cwe/"):
			t.CWE = append(t.CWE, low[len("cwe/"):])
		}
	}
	return t
}

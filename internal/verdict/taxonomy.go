package verdict

import "strings"

// Taxonomy sorts a rule's tags by the catalogue they refer to. CRS writes
// attack-sqli, OWASP_TOP_10/A03 or owasp-a03, capec/1000/152/66; our packs
// write cwe/89 and attack/T1190 as well.
func Taxonomy(tags []string) Taxonomies {
	var t Taxonomies
	for _, tag := range tags {
		low := strings.ToLower(tag)
		switch {
		case strings.HasPrefix(low, "attack-") && t.Class == "":
			t.Class = low[len("attack-"):]
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

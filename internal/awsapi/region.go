package awsapi

import (
	"fmt"
	"strings"
)

// Host returns the endpoint of a service in a region, such as
// sqs.eu-central-1.amazonaws.com (AWS General Reference, "Service endpoints").
// The tables are closed: no text in the environment can name another host.
func Host(service, region string) (string, error) {
	area, rest, _ := strings.Cut(region, "-")
	rest = strings.TrimPrefix(rest, "gov-")
	direction, number, _ := strings.Cut(rest, "-")
	domain := ""
	switch area {
	case "us", "eu", "ap", "sa", "ca", "af", "me", "il", "mx":
		domain = "amazonaws.com"
	case "cn":
		domain = "amazonaws.com.cn"
	}
	switch direction {
	case "north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest":
	default:
		domain = ""
	}
	if domain == "" || len(number) != 1 || number < "1" || number > "9" {
		return "", fmt.Errorf("region %q is not one this build knows", region)
	}
	return service + "." + region + "." + domain, nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// route serves one request. Each handler names the hole it has.
func (f *function) route(ctx context.Context, r request, invocation int64) response {
	switch r.method + " " + strings.TrimSuffix(r.path, "/") {
	case "GET /orders":
		return f.listOrders(r)
	case "POST /orders":
		return f.createOrder(r)
	case "GET /invoices":
		return f.invoice(r)
	case "POST /render":
		return f.render(ctx, r)
	case "POST /login":
		return f.login(r)
	case "GET /stats":
		return jsonResponse(http.StatusOK, map[string]any{"invocations": invocation, "pid": os.Getpid()})
	case "GET ", "GET /health":
		return jsonResponse(http.StatusOK, map[string]string{"status": "ok"})
	}
	return errorResponse(http.StatusNotFound, "no such page")
}

// listOrders: SQL injection through ?status=.
func (f *function) listOrders(r request) response {
	query := "SELECT id, customer, total, status FROM orders WHERE public = '1'"
	if status := r.query.Get("status"); status != "" {
		query = "SELECT id, customer, total, status FROM orders WHERE public = '1' AND status = '" + status + "'"
	}
	rows, err := f.shop.db.query(query)
	if err != nil {
		// The error message of the database is the classical second leak.
		return errorResponse(http.StatusInternalServerError, err.Error())
	}
	return jsonResponse(http.StatusOK, map[string]any{"orders": rows})
}

// createOrder is sound, but takes free text.
func (f *function) createOrder(r request) response {
	var order struct {
		Customer string  `json:"customer"`
		Total    float64 `json:"total"`
		Note     string  `json:"note"`
	}
	if err := json.Unmarshal(r.body, &order); err != nil {
		return errorResponse(http.StatusBadRequest, "want a JSON order: "+err.Error())
	}
	if order.Customer == "" {
		return errorResponse(http.StatusUnprocessableEntity, "customer: missing")
	}
	id := f.shop.db.insert("orders", map[string]string{
		"customer": order.Customer, "total": fmt.Sprintf("%.2f", order.Total), "status": "new", "public": "1", "note": order.Note,
	})
	return jsonResponse(http.StatusCreated, map[string]any{"id": id, "customer": order.Customer, "total": order.Total, "note": order.Note})
}

// invoice: path traversal through ?file=.
func (f *function) invoice(r request) response {
	name := r.query.Get("file")
	if name == "" {
		return errorResponse(http.StatusBadRequest, "file: missing")
	}
	text, err := os.ReadFile(filepath.Join(f.shop.invoices, name))
	if err != nil {
		return errorResponse(http.StatusNotFound, err.Error())
	}
	return response{http.StatusOK, map[string]string{"Content-Type": "text/plain; charset=utf-8"}, string(text)}
}

// render: command injection through "title".
func (f *function) render(ctx context.Context, r request) response {
	var job struct {
		Title string `json:"title"`
	}
	if err := json.Unmarshal(r.body, &job); err != nil {
		return errorResponse(http.StatusBadRequest, "want {\"title\":…}: "+err.Error())
	}
	out, err := exec.CommandContext(ctx, "/bin/sh", "-c", "echo Rendering "+job.Title).CombinedOutput()
	if err != nil {
		return errorResponse(http.StatusInternalServerError, err.Error()+": "+string(out))
	}
	return response{http.StatusOK, map[string]string{"Content-Type": "text/plain; charset=utf-8"}, string(out)}
}

// login: SQL injection through a form field.
func (f *function) login(r request) response {
	form, err := url.ParseQuery(string(r.body))
	if err != nil {
		return errorResponse(http.StatusBadRequest, "want a form: "+err.Error())
	}
	rows, err := f.shop.db.query("SELECT id, name FROM customers WHERE email = '" + form.Get("email") +
		"' AND password = '" + form.Get("password") + "'")
	switch {
	case err != nil:
		return errorResponse(http.StatusInternalServerError, err.Error())
	case len(rows) == 0:
		return errorResponse(http.StatusUnauthorized, "wrong email or password")
	}
	return jsonResponse(http.StatusOK, map[string]any{"welcome": rows[0]["name"]})
}

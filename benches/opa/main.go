// An ext_authz server that has OPA decide, as opa-envoy-plugin does: the CheckRequest's JSON form is the input of one
// prepared query, whose result is the answer. Each decision is logged as a line of JSON, without the credential.
//
// It stands in for the plugin where its module cannot be had; OPA itself and the Rego policy are the same.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	kind "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown/cache"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

const caching = `{"inter_query_builtin_value_cache": {"named": {"io_jwt": {"max_num_entries": 1000}}}}`

type server struct {
	auth.UnimplementedAuthorizationServer
	query rego.PreparedEvalQuery
	jwts  cache.InterQueryValueCache
	lock  sync.Mutex
	log   *bufio.Writer
}

type result struct {
	Allowed bool              `json:"allowed"`
	Status  int32             `json:"http_status"`
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
}

func (s *server) Check(ctx context.Context, request *auth.CheckRequest) (*auth.CheckResponse, error) {
	text, err := protojson.Marshal(request)
	if err != nil {
		return nil, err
	}
	var input map[string]any
	if err := json.Unmarshal(text, &input); err != nil {
		return nil, err
	}
	found, err := s.query.Eval(ctx, rego.EvalInput(input), rego.EvalInterQueryBuiltinValueCache(s.jwts))
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("the policy has no result")
	}
	text, err = json.Marshal(found[0].Expressions[0].Value)
	if err != nil {
		return nil, err
	}
	var decided result
	if err := json.Unmarshal(text, &decided); err != nil {
		return nil, err
	}
	if err := s.note(request, text); err != nil {
		return nil, err
	}
	return answer(decided), nil
}

func (s *server) note(request *auth.CheckRequest, decided []byte) error {
	http := request.GetAttributes().GetRequest().GetHttp()
	headers := make(map[string]string, len(http.GetHeaders()))
	for name, value := range http.GetHeaders() {
		if name != "authorization" && name != "x-fix-fresh-authorization" {
			headers[name] = value
		}
	}
	line, err := json.Marshal(map[string]any{
		"time": time.Now().UTC(), "id": http.GetId(), "path": http.GetPath(), "headers": headers,
		"body": http.GetRawBody(), "result": json.RawMessage(decided),
	})
	if err != nil {
		return err
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	_, err = s.log.Write(append(line, '\n'))
	return err
}

func answer(decided result) *auth.CheckResponse {
	headers := make([]*core.HeaderValueOption, 0, len(decided.Headers))
	for name, value := range decided.Headers {
		headers = append(headers, &core.HeaderValueOption{Header: &core.HeaderValue{Key: name, Value: value}})
	}
	if decided.Allowed {
		return &auth.CheckResponse{
			Status:       &status.Status{},
			HttpResponse: &auth.CheckResponse_OkResponse{OkResponse: &auth.OkHttpResponse{Headers: headers}},
		}
	}
	return &auth.CheckResponse{
		Status: &status.Status{Code: 7},
		HttpResponse: &auth.CheckResponse_DeniedResponse{DeniedResponse: &auth.DeniedHttpResponse{
			Status: &kind.HttpStatus{Code: kind.StatusCode(decided.Status)}, Body: decided.Body, Headers: headers,
		}},
	}
}

func prepared(ctx context.Context, policy, data string) (rego.PreparedEvalQuery, error) {
	var none rego.PreparedEvalQuery
	rules, err := os.ReadFile(policy)
	if err != nil {
		return none, err
	}
	text, err := os.ReadFile(data)
	if err != nil {
		return none, err
	}
	var known map[string]any
	if err := json.Unmarshal(text, &known); err != nil {
		return none, err
	}
	return rego.New(
		rego.Query("data.fix.authz.result"),
		rego.Module(policy, string(rules)),
		rego.Store(inmem.NewFromObject(known)),
	).PrepareForEval(ctx)
}

func serve(socket, policy, data, log string) error {
	ctx := context.Background()
	query, err := prepared(ctx, policy, data)
	if err != nil {
		return err
	}
	config, err := cache.ParseCachingConfig([]byte(caching))
	if err != nil {
		return err
	}
	file, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &server{query: query, jwts: cache.NewInterQueryValueCache(ctx, config), log: bufio.NewWriter(file)}
	grpcServer := grpc.NewServer()
	auth.RegisterAuthorizationServer(grpcServer, server)
	return grpcServer.Serve(listener)
}

func main() {
	socket := flag.String("socket", "", "unix socket to listen on")
	policy := flag.String("policy", "", "Rego policy")
	data := flag.String("data", "", "JSON document of what the policy knows")
	log := flag.String("log", "", "where decisions are logged")
	flag.Parse()
	if err := serve(*socket, *policy, *data, *log); err != nil {
		fmt.Fprintln(os.Stderr, "opa:", err)
		os.Exit(1)
	}
}

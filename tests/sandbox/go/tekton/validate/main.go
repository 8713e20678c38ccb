// Command validate judges Tekton objects as Tekton's own admission webhooks do.
//
// In: YAML or JSON documents on standard input. Out: one JSON line a document, in the same order, with its kind, its
// name and the error ("" for none). The exit code is 0 when every document was judged, whatever the verdicts.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	pipeline "github.com/tektoncd/pipeline/pkg/apis/pipeline/v1"
	"github.com/tektoncd/triggers/pkg/apis/triggers/contexts"
	triggersalpha "github.com/tektoncd/triggers/pkg/apis/triggers/v1alpha1"
	triggers "github.com/tektoncd/triggers/pkg/apis/triggers/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"knative.dev/pkg/apis"
	"sigs.k8s.io/yaml"
)

// object is what every kind of Tekton can do.
type object interface {
	apis.Defaultable
	apis.Validatable
}

// kinds maps apiVersion and kind to an empty object of that type.
var kinds = map[metav1.TypeMeta]func() object{
	{APIVersion: "tekton.dev/v1", Kind: "Pipeline"}:    func() object { return &pipeline.Pipeline{} },
	{APIVersion: "tekton.dev/v1", Kind: "PipelineRun"}: func() object { return &pipeline.PipelineRun{} },
	{APIVersion: "tekton.dev/v1", Kind: "Task"}:        func() object { return &pipeline.Task{} },
	{APIVersion: "tekton.dev/v1", Kind: "TaskRun"}:     func() object { return &pipeline.TaskRun{} },

	{APIVersion: "triggers.tekton.dev/v1beta1", Kind: "ClusterTriggerBinding"}: func() object { return &triggers.ClusterTriggerBinding{} },
	{APIVersion: "triggers.tekton.dev/v1beta1", Kind: "EventListener"}:         func() object { return &triggers.EventListener{} },
	{APIVersion: "triggers.tekton.dev/v1beta1", Kind: "Trigger"}:               func() object { return &triggers.Trigger{} },
	{APIVersion: "triggers.tekton.dev/v1beta1", Kind: "TriggerBinding"}:        func() object { return &triggers.TriggerBinding{} },
	{APIVersion: "triggers.tekton.dev/v1beta1", Kind: "TriggerTemplate"}:       func() object { return &triggers.TriggerTemplate{} },
	{APIVersion: "triggers.tekton.dev/v1alpha1", Kind: "ClusterInterceptor"}:   func() object { return &triggersalpha.ClusterInterceptor{} },
	{APIVersion: "triggers.tekton.dev/v1alpha1", Kind: "Interceptor"}:          func() object { return &triggersalpha.Interceptor{} },
}

type verdict struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Error string `json:"error"`
}

func main() {
	documents := utilyaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	answers := json.NewEncoder(os.Stdout)
	for {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil {
			err = answers.Encode(judge(text))
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func judge(text []byte) verdict {
	var head metav1.PartialObjectMetadata
	if err := yaml.Unmarshal(text, &head); err != nil {
		return verdict{Error: err.Error()}
	}
	answer := verdict{Kind: head.Kind, Name: head.Name}
	empty, known := kinds[head.TypeMeta]
	if !known {
		answer.Error = fmt.Sprintf("apiVersion %q, kind %q: not a kind that is judged here", head.APIVersion, head.Kind)
		return answer
	}
	item := empty()
	if err := yaml.UnmarshalStrict(text, item); err != nil {
		answer.Error = err.Error()
		return answer
	}
	ctx := contexts.WithUpgradeViaDefaulting(apis.WithinCreate(context.Background()))
	item.SetDefaults(ctx)
	if err := item.Validate(ctx); err != nil {
		answer.Error = err.Error()
	}
	return answer
}

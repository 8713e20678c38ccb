// Command controller runs the reconcilers of Tekton Triggers without the health probes of the upstream command.
//
// Those listen on port 8080 of every address of the machine, and the process ends when the port is taken: two
// sandboxes could not run side by side. Everything else is the upstream packages' own, with the settings of the
// upstream release.
package main

import (
	"flag"
	"os"

	"github.com/tektoncd/triggers/pkg/reconciler/clusterinterceptor"
	"github.com/tektoncd/triggers/pkg/reconciler/eventlistener"
	"github.com/tektoncd/triggers/pkg/reconciler/eventlistener/resources"
	"github.com/tektoncd/triggers/pkg/reconciler/interceptor"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	filtered "knative.dev/pkg/client/injection/kube/informers/factory/filtered"
	"knative.dev/pkg/injection"
	"knative.dev/pkg/injection/sharedmain"
	"knative.dev/pkg/signals"
)

var image = flag.String("el-image", resources.DefaultImage, "the image that the Deployments of listeners name")

func main() {
	config := injection.ParseAndGetRESTConfigOrDie()
	ctx := injection.WithNamespaceScope(signals.NewContext(), corev1.NamespaceAll)
	ctx = filtered.WithSelectors(ctx, labels.FormatLabels(resources.DefaultStaticResourceLabels))
	ctx = sharedmain.WithHealthProbesDisabled(ctx)
	sharedmain.MainWithConfig(
		ctx,
		"controller",
		config,
		eventlistener.NewController(listeners()),
		clusterinterceptor.NewController(),
		interceptor.NewController(),
	)
}

// listeners is what the release's own Deployment of the controller asks for by flags.
func listeners() resources.Config {
	return resources.Config{
		Image:                           image,
		Port:                            pointer(resources.DefaultPort),
		SetSecurityContext:              pointer(true),
		SetReadOnlyRootFilesystem:       pointer(true),
		SetEventListenerEvent:           pointer("disable"),
		ReadTimeOut:                     pointer(int64(5)),
		WriteTimeOut:                    pointer(int64(40)),
		IdleTimeOut:                     pointer(int64(120)),
		TimeOutHandler:                  pointer(int64(30)),
		HTTPClientReadTimeOut:           pointer(int64(30)),
		HTTPClientKeepAlive:             pointer(int64(30)),
		HTTPClientTLSHandshakeTimeout:   pointer(int64(10)),
		HTTPClientResponseHeaderTimeout: pointer(int64(10)),
		HTTPClientExpectContinueTimeout: pointer(int64(1)),
		PeriodSeconds:                   pointer(10),
		FailureThreshold:                pointer(3),
		StaticResourceLabels:            resources.DefaultStaticResourceLabels,
		SystemNamespace:                 os.Getenv("SYSTEM_NAMESPACE"),
	}
}

func pointer[T any](value T) *T { return &value }

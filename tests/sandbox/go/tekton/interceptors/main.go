// Command interceptors runs Tekton's core interceptors (cel, github, ...) on an address of one's choice.
//
// The upstream command listens on port 8443 of every address of the machine, so two sandboxes could not run side by
// side. Everything but the listening is the upstream packages' own: the interceptors, their certificate, and the
// caBundle that they write into the ClusterInterceptors.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"net/http"
	"time"

	"github.com/tektoncd/triggers/pkg/client/clientset/versioned"
	"github.com/tektoncd/triggers/pkg/interceptors"
	"github.com/tektoncd/triggers/pkg/interceptors/server"
	"go.uber.org/zap"
	kubeclient "knative.dev/pkg/client/injection/kube/client"
	"knative.dev/pkg/injection"
	"knative.dev/pkg/logging"
	"knative.dev/pkg/signals"
)

var address = flag.String("address", "127.0.0.1:8443", "where to listen (https)")

func main() {
	ctx := signals.NewContext()
	config := injection.ParseAndGetRESTConfigOrDie()
	ctx, startInformers := injection.EnableInjectionOrDie(ctx, config)
	logger := zap.Must(zap.NewProduction()).Sugar()
	ctx = logging.WithLogger(ctx, logger)

	kube := kubeclient.Get(ctx).CoreV1()
	service, err := server.NewWithCoreInterceptors(interceptors.DefaultSecretGetter(kube), logger)
	if err != nil {
		logger.Fatalf("core interceptors: %v", err)
	}
	startInformers()

	triggers := versioned.NewForConfigOrDie(config).TriggersV1alpha1()
	server.CreateAndValidateCerts(ctx, kube, logger, service, triggers)
	// A ClusterInterceptor that is made later, or whose status was written at the same moment, gets its caBundle soon.
	stop := server.UpdateCACertToClusterInterceptorCRD(ctx, service, triggers, logger, 2*time.Second)
	defer stop()
	if err := serve(ctx, service, logger); err != nil {
		logger.Fatalf("serving: %v", err)
	}
}

// serve answers until the context ends, with the time-outs of the upstream command.
func serve(ctx context.Context, service http.Handler, logger *zap.SugaredLogger) error {
	mux := http.NewServeMux()
	mux.Handle("/", service)
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	https := &http.Server{
		Addr:              *address,
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       60 * time.Second,
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return server.GetTLSData(ctx, logger)
			},
		},
	}
	go func() {
		<-ctx.Done()
		_ = https.Close()
	}()
	if err := https.ListenAndServeTLS("", ""); err != nil && err != http.ErrServerClosed {
		return err
	}
	return nil
}

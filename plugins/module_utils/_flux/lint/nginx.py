# Copyright: (c) 2026, aphex.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The annotations that ingress-nginx 1.15 knows, without their prefix.

In: nothing. Out: their names. Never here: a rule. Removed ones, such as global-rate-limit, are left out (A8).
"""

from __future__ import annotations

ANNOTATIONS = frozenset(
    """
    affinity affinity-canary-behavior affinity-mode session-cookie-name session-cookie-expires session-cookie-max-age
    session-cookie-path session-cookie-change-on-failure session-cookie-samesite session-cookie-domain
    session-cookie-secure session-cookie-conditional-samesite-none
    allowlist-source-range whitelist-source-range denylist-source-range app-root
    auth-realm auth-secret auth-secret-type auth-type auth-tls-secret auth-tls-verify-depth auth-tls-verify-client
    auth-tls-error-page auth-tls-pass-certificate-to-upstream auth-tls-match-cn
    auth-url auth-cache-key auth-cache-duration auth-keepalive auth-keepalive-share-vars auth-keepalive-requests
    auth-keepalive-timeout auth-proxy-set-headers auth-snippet auth-signin auth-signin-redirect-param auth-method
    auth-response-headers auth-request-redirect auth-always-set-cookie enable-global-auth
    backend-protocol canary canary-by-header canary-by-header-value canary-by-header-pattern canary-by-cookie
    canary-weight canary-weight-total client-body-buffer-size configuration-snippet server-snippet stream-snippet
    custom-headers custom-http-errors default-backend disable-proxy-intercept-errors
    cors-allow-origin cors-allow-methods cors-allow-headers cors-allow-credentials cors-expose-headers cors-max-age
    enable-cors force-ssl-redirect from-to-www-redirect http2-push-preload
    limit-allowlist limit-whitelist limit-burst-multiplier limit-connections limit-rate limit-rate-after limit-rpm
    limit-rps permanent-redirect permanent-redirect-code temporal-redirect temporal-redirect-code relative-redirects
    preserve-trailing-slash proxy-body-size proxy-cookie-domain proxy-cookie-path proxy-connect-timeout
    proxy-send-timeout proxy-read-timeout proxy-next-upstream proxy-next-upstream-timeout proxy-next-upstream-tries
    proxy-request-buffering proxy-redirect-from proxy-redirect-to proxy-http-version proxy-ssl-secret
    proxy-ssl-ciphers proxy-ssl-name proxy-ssl-protocols proxy-ssl-verify proxy-ssl-verify-depth proxy-ssl-server-name
    proxy-buffering proxy-buffers-number proxy-buffer-size proxy-busy-buffers-size proxy-max-temp-file-size
    enable-rewrite-log enable-access-log rewrite-target satisfy server-alias service-upstream ssl-ciphers
    ssl-prefer-server-ciphers ssl-redirect ssl-passthrough upstream-hash-by upstream-hash-by-subset
    upstream-hash-by-subset-size upstream-vhost use-regex x-forwarded-prefix load-balance connection-proxy-header
    mirror-request-body mirror-target mirror-host enable-modsecurity enable-owasp-core-rules
    modsecurity-transaction-id modsecurity-snippet enable-opentelemetry opentelemetry-operation-name
    opentelemetry-trust-incoming-span
    """.split()  # noqa: SIM905 - a list of one word a line would be two hundred lines
)

# bigcache in a container: docs/container.md says how to use it.
#
#     docker build -t bigcache .
#     docker run -p 127.0.0.1:36379:36379 -v pages:/var/lib/bigcache bigcache

ARG BASE=debian:12-slim


# The Debian packages of this tree.  What they need is installed before the
# sources are copied, so that a change of these does not install it again.

FROM ${BASE} AS build

ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /build/bigcache

COPY debian/control debian/

RUN apt-get -q update \
    && apt-get -qy --no-install-recommends build-dep ./ \
    && rm -rf /var/lib/apt/lists/*

COPY . .

RUN DEB_BUILD_OPTIONS="parallel=$(nproc) noddebs" dpkg-buildpackage -us -uc -b \
    && mkdir /packages \
    && mv ../*.deb /packages


FROM ${BASE}

LABEL org.opencontainers.image.title=bigcache \
      org.opencontainers.image.description="a cache of pages on disk, in nginx" \
      org.opencontainers.image.licenses=BSD-2-Clause

# ca-certificates are for an application that is asked by https.  33 is
# www-data, as in all of Debian.  The logs and /var/lib/nginx are for a mounted
# nginx.conf, which may name them as that of Debian does, and /run for its pid
# file.  The packages are small, and copied: to mount them takes BuildKit, which
# Docker before 23 does not use by itself.
COPY --from=build /packages /packages

RUN apt-get -q update \
    && DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends \
        install ca-certificates nginx /packages/*.deb \
    && rm -rf /packages /var/lib/apt/lists/* /var/log/*.log /var/log/apt \
        /var/log/nginx/* /etc/nginx/sites-enabled/default \
    && ln -s /dev/stdout /var/log/nginx/access.log \
    && ln -s /dev/stderr /var/log/nginx/error.log \
    && (cd /var/lib/nginx && mkdir -p body fastcgi proxy scgi uwsgi) \
    && chown -R 33:33 /var/lib/nginx \
    && chmod 1777 /run \
    && mkdir /usr/share/bigcache \
    && install -d -m 700 -o 33 -g 33 /var/lib/bigcache

COPY auto/conf.sh auto/upstream.sh container/nginx.conf /usr/share/bigcache/
COPY container/nginx.conf /etc/nginx/nginx.conf
COPY container/entrypoint container/health /usr/lib/bigcache/

USER 33:33
WORKDIR /var/lib/bigcache
VOLUME /var/lib/bigcache
EXPOSE 36379 36380
STOPSIGNAL SIGQUIT

HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["/usr/lib/bigcache/health"]

ENTRYPOINT ["/usr/lib/bigcache/entrypoint"]
CMD ["nginx"]

# The portal. From the repository's top:
#   docker build -f docker/portal.Dockerfile -t openbeam/portal .
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /usr/src/openbeam
COPY docker/install requirements.lock ./
COPY sdk/pyproject.toml sdk/
COPY portal/pyproject.toml portal/
RUN ./install libraries sdk portal
COPY sdk sdk
COPY portal portal
RUN ./install parts sdk portal
LABEL org.opencontainers.image.title="Openbeam portal" org.opencontainers.image.licenses="BSD-3-Clause"
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/openbeam openbeam && install -d -m 700 -o openbeam -g openbeam /var/lib/openbeam
COPY docker/healthy /opt/openbeam/bin/
ENV PATH=/opt/openbeam/bin:/usr/local/bin:/usr/bin:/bin OPENBEAM_HOME=/var/lib/openbeam PYTHONUNBUFFERED=1
USER 10001:10001
# A new volume takes the owner of what is at its place in the image.
WORKDIR /var/lib/openbeam
RUN mkdir -m 700 keys
EXPOSE 8601
HEALTHCHECK --interval=5s --timeout=15s --start-period=60s CMD ["healthy", "http://127.0.0.1:8601/_stcore/health"]
CMD ["openbeam-portal"]

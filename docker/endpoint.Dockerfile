# The agent of an endpoint and the host agent, with the environment of environment-hep (the same layers). From the repository's top:
#   docker build -f docker/endpoint.Dockerfile -t openbeam/endpoint .
ARG BASE_IMAGE=python:3.12-slim
FROM ${BASE_IMAGE}
WORKDIR /usr/src/openbeam
COPY docker/install requirements.lock ./
COPY sdk/pyproject.toml sdk/
COPY datasets/pyproject.toml datasets/
COPY functions_catalog/pyproject.toml functions_catalog/
COPY endpoint/pyproject.toml endpoint/
RUN ./install libraries sdk datasets functions_catalog endpoint
COPY sdk sdk
COPY datasets datasets
COPY functions_catalog functions_catalog
COPY endpoint endpoint
RUN ./install parts sdk datasets functions_catalog endpoint
LABEL org.opencontainers.image.title="Openbeam endpoint" org.opencontainers.image.licenses="BSD-3-Clause"
RUN useradd --uid 10001 --no-create-home --home-dir /var/lib/openbeam openbeam && install -d -m 700 -o openbeam -g openbeam /var/lib/openbeam
COPY docker/enrol /opt/openbeam/bin/
ENV PATH=/opt/openbeam/bin:/usr/local/bin:/usr/bin:/bin OPENBEAM_HOME=/var/lib/openbeam PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/openbeam
# A new volume takes the owner of what is at its place in the image.
RUN mkdir -m 700 endpoints hosts tokens
# What the agent says of itself.
HEALTHCHECK --interval=3s --timeout=15s --start-period=300s \
    CMD ["sh", "-c", "grep -qs '\"phase\":\"ready\"' endpoints/*/state.json hosts/*/state.json"]
CMD ["openbeam-endpoint", "start", "local"]

# What functions find where they run: coffea, uproot, awkward, hist, vector, numba and correctionlib at the lock's
# versions, and the engine that runs them. From the repository's top:
#   docker build -f docker/environment-hep.Dockerfile -t openbeam/environment-hep .
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
LABEL org.opencontainers.image.title="Openbeam environment: high-energy physics" org.opencontainers.image.licenses="BSD-3-Clause"
ENV PATH=/opt/openbeam/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1
USER 65534:65534
WORKDIR /
CMD ["python"]

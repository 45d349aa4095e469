# Stands in for the official postgres image where no registry can be reached: Debian's server, the same few variables.
ARG BASE_IMAGE=debian:bookworm-slim
FROM ${BASE_IMAGE}
RUN apt-get update -q && mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf && \
    apt-get install -y -q --no-install-recommends postgresql && rm -rf /var/lib/apt/lists/* && \
    ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ && \
    install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data && install -d -o postgres -g postgres -m 3777 /var/run/postgresql
COPY start-postgres /usr/local/bin/
CMD ["start-postgres"]

# The command line in an image. The table, the jobs and above all the ledger lie on a folder that is mounted:
#
#   docker build -t tabgan .
#   docker run --rm -v "$PWD:/data" tabgan run job.yaml
#
# Without a GPU, --build-arg PIP_EXTRA_INDEX_URL=... of the CPU build of torch saves several GB (see README.md).

FROM python:3.11-slim

ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1

WORKDIR /opt/tabgan
COPY pyproject.toml README.md LICENSE ./
COPY tabgan ./tabgan
RUN python -m pip install ".[duckdb,excel,people,polars,sign,sql]"
RUN tabgan --version && python -c "import tabgan; tabgan.TabGAN"

# Files of a run belong to whoever owns the mounted folder: docker run --user "$(id -u):$(id -g)" ...
USER 1000:1000
ENV HOME=/tmp
WORKDIR /data
ENTRYPOINT ["tabgan"]
CMD ["--help"]

# brainzoo with the plugins that sample, look and measure, on CPUs. Nobody has built this image yet: the
# machine that it was written on has no Docker. For GPUs leave out the --index-url.
#   docker build -t brainzoo . && docker run --rm -v "$PWD:/work" brainzoo sample pggan-ixi-64 -n 16
FROM python:3.12-slim

RUN useradd --create-home brainzoo
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir "torch==2.13.0" --index-url https://download.pytorch.org/whl/cpu \
 && pip install --no-cache-dir . plugins/brainzoo-pggan plugins/brainzoo-vae plugins/brainzoo-vqvae \
    plugins/brainzoo-metrics plugins/brainzoo-privacy plugins/brainzoo-report

USER brainzoo
WORKDIR /work
ENTRYPOINT ["brainzoo"]
CMD ["--help"]

# One image for web, worker and the one-shot services of docker-compose.yml.
FROM python:3.11-slim AS build
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --no-create-home nasweb \
    && install -d -o nasweb -g nasweb -m 0700 /data && install -d -o nasweb -g nasweb -m 0755 /secrets
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py ./
COPY nasweb nasweb
COPY engine engine
COPY apps apps
COPY templates templates
COPY static static
COPY docs docs
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=nasweb.settings NASWEB_HOME=/data NASWEB_HOST=0.0.0.0 NASWEB_PORT=8000
USER nasweb
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "nasweb.up", "web"]

# The server alone, in any of its roles: event store, Redis and registry are services of their own (docker-compose.yml).
# It writes to /data and /tmp only, so the root file system may be read-only.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build

FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production DATA_DIR=/data API_HOST=0.0.0.0 GATE_HOST=0.0.0.0
RUN install -d -o node -g node -m 0700 /data
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/package.json ./
COPY --from=build /app/docs/deploy/health-check.mjs ./
COPY --from=build /app/dist ./dist
# `node`, as a number: Kubernetes wants to see that it is not root.
USER 1000:1000
VOLUME /data
EXPOSE 3000 5000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["node", "health-check.mjs"]
CMD ["node", "dist/apps/server/src/main.js"]

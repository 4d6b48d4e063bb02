// What is sent with, and nothing of our own: loaded with the first value, and a file of its own in the deploy folder.
export { AzureMonitorMetricExporter } from '@azure/monitor-opentelemetry-exporter';
export { ExportResultCode } from '@opentelemetry/core';
export { resourceFromAttributes } from '@opentelemetry/resources';
export { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';

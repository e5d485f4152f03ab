// SPDX-License-Identifier: Apache-2.0
using Prometheus;

namespace Lifeboat.Contracts.Metrics;

/// <summary>Histograms and counters of one process that are kept from its start on.</summary>
public sealed class LiveMetrics
{
    private readonly CollectorRegistry _registry = Prometheus.Metrics.NewCustomRegistry();
    private readonly MetricFactory _factory;

    public LiveMetrics()
    {
        _factory = Prometheus.Metrics.WithCustomRegistry(_registry);
        // Memory, threads and processor time of the process, under the names that every .NET program has.
        DotNetStats.Register(_registry);
    }

    /// <param name="bounds">Upper bounds of the buckets, seconds.</param>
    public Histogram Histogram(string name, params double[] bounds)
    {
        var info = MetricCatalog.Get(name);
        return _factory.CreateHistogram(name, info.Help, info.Labels, new HistogramConfiguration { Buckets = bounds });
    }

    public Counter Counter(string name)
    {
        var info = MetricCatalog.Get(name);
        return _factory.CreateCounter(name, info.Help, info.Labels);
    }

    internal Task WriteAsync(Stream text, CancellationToken ct) => _registry.CollectAndExportAsTextAsync(text, ct);
}

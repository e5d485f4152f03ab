// SPDX-License-Identifier: Apache-2.0
using Prometheus;

namespace Lifeboat.Contracts.Metrics;

/// <summary>
/// Figures that are read when somebody asks: made anew each time, so that what is gone leaves no figure behind.
/// </summary>
public sealed class MetricPage
{
    private readonly CollectorRegistry _registry = Prometheus.Metrics.NewCustomRegistry();
    private readonly Dictionary<string, object> _families = [];
    private readonly MetricFactory _factory;

    public MetricPage() => _factory = Prometheus.Metrics.WithCustomRegistry(_registry);

    /// <param name="value">Null: it is not known, and nothing is given.</param>
    public void Add(string name, double? value, params string[] labels)
    {
        if (value is not { } known) return;
        var info = MetricCatalog.Get(name);
        if (!_families.TryGetValue(name, out var family))
        {
            _families[name] = family = info.Kind is MetricKind.Counter
                ? _factory.CreateCounter(name, info.Help, info.Labels)
                : _factory.CreateGauge(name, info.Help, info.Labels);
        }
        if (family is Counter counter) counter.WithLabels(labels).IncTo(known);
        else ((Gauge)family).WithLabels(labels).Set(known);
    }

    /// <summary>Prometheus text, with the histograms that are kept all the time.</summary>
    public async Task<string> TextAsync(LiveMetrics live, CancellationToken ct)
    {
        using var text = new MemoryStream();
        await _registry.CollectAndExportAsTextAsync(text, ct);
        await live.WriteAsync(text, ct);
        return System.Text.Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
    }
}

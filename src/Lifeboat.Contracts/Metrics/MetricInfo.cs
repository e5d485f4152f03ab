// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Metrics;

public enum MetricKind { Gauge, Counter, Histogram }

/// <summary>One metric that Lifeboat gives, as docs/operating/metrics.md has it.</summary>
/// <param name="From">`controller`, `agent` or `both`.</param>
public sealed record MetricInfo(string Name, MetricKind Kind, string From, string Help, params string[] Labels);

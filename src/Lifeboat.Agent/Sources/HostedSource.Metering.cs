// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Sources;

internal sealed partial class HostedSource
{
    private readonly SourceMeter _meter;
    private readonly Task _metering;

    public SourceTotals Totals() => _meter.Tell(_source.Snapshot());

    /// <summary>Counters of groups that outlive their sources.</summary>
    public static string MeterFolder(AgentParts parts) => Path.Combine(parts.Paths.AgentState, "meters");

    private async Task MeterAsync(CancellationToken ct)
    {
        string? said = null;
        do
        {
            await Task.Delay(SourceMeter.Period, _parts.Time, ct)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            var problem = _meter.Save(_source.Snapshot());
            if (problem is not null && problem != said) LogNotMetered(Spec.Group, problem);
            said = problem;
        }
        while (!ct.IsCancellationRequested);
    }

    [LoggerMessage(EventIds.CountersNotKept, LogLevel.Warning,
        "The counters of {Group} cannot be kept and will be too low after a restart: {Problem}")]
    private partial void LogNotMetered(string group, string problem);
}

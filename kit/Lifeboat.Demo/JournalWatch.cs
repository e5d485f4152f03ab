// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Testing.Field;

namespace Lifeboat.Demo;

/// <summary>
/// Asks a site's agent five times a second how long a group's journal is, so that what the controller meters of it
/// can be held against what was there.
/// </summary>
internal sealed class JournalWatch : IAsyncDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(200);

    private readonly AgentClient _agent;
    private readonly string _group;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _end;
    private readonly List<(DateTimeOffset At, long Bytes)> _seen = [];
    private readonly Task _watching;

    public JournalWatch(FieldSite site, string group, TimeProvider time, CancellationToken ct)
    {
        (_agent, _group, _time) = (new AgentClient(new SitePaths(site.Directory).AgentSocket), group, time);
        _end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _watching = WatchAsync(_end.Token);
    }

    /// <summary>From now on: ends the watch and adds up.</summary>
    /// <returns>Byte seconds between two moments that it was there for.</returns>
    public async Task<double> ByteSecondsAsync(DateTimeOffset from, DateTimeOffset to)
    {
        await _end.CancelAsync();
        await _watching;
        var sum = 0.0;
        foreach (var (left, right) in _seen.Zip(_seen.Skip(1)))
        {
            var begin = left.At < from ? from : left.At;
            var end = right.At > to ? to : right.At;
            if (begin < end) sum += (left.Bytes + right.Bytes) / 2.0 * (end - begin).TotalSeconds;
        }
        return sum;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await _watching;
        _end.Dispose();
        _agent.Dispose();
    }

    private async Task WatchAsync(CancellationToken ct)
    {
        try
        {
            using var timer = new PeriodicTimer(Period, _time);
            do _seen.Add((_time.GetUtcNow(), (await _agent.ReplicaAsync(_group, ct)).JournalBytes));
            while (await timer.WaitForNextTickAsync(ct));
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // It was watched for long enough.
        }
    }
}

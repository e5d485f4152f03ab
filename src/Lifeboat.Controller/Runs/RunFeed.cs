// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Lifeboat.Contracts.Api;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Runs;

/// <summary>Runs as they change, for who watches. A slow watcher misses some changes, never the last.</summary>
internal sealed class RunFeed(TimeProvider time)
{
    private readonly ConcurrentDictionary<Channel<RunInfo>, Guid> _watchers = new();
    private readonly ConcurrentDictionary<Guid, StepProgress> _progress = new();

    /// <summary>Told of every change of every run; must not fail.</summary>
    public Action<RunInfo>? Changed { get; set; }

    /// <summary>The runs that somebody watches here.</summary>
    public IReadOnlyCollection<Guid> Watched => [.. _watchers.Values.Distinct()];

    public RunInfo Describe(Run run) => RunView.Of(run, _progress.GetValueOrDefault(run.Id), time.GetUtcNow());

    public void Publish(Run run, StepProgress? progress)
    {
        if (progress is not null) _progress[run.Id] = progress;
        else if (run.Finished) _progress.TryRemove(run.Id, out _);
        var info = Describe(run);
        Changed?.Invoke(info);
        foreach (var (watcher, id) in _watchers)
        {
            if (id == run.Id) watcher.Writer.TryWrite(info);
        }
    }

    /// <param name="current">Asked once the watcher is registered, so that no change is missed in between.</param>
    public async IAsyncEnumerable<RunInfo> WatchAsync(Guid run, Func<Task<Run>> current,
        [EnumeratorCancellation] CancellationToken ct)
    {
        var channel = Channel.CreateBounded<RunInfo>(new BoundedChannelOptions(16)
        {
            FullMode = BoundedChannelFullMode.DropOldest,
        });
        _watchers[channel] = run;
        try
        {
            var first = Describe(await current());
            yield return first;
            if (first.Finished) yield break;
            await foreach (var info in channel.Reader.ReadAllAsync(ct))
            {
                yield return info;
                if (info.Finished) yield break;
            }
        }
        finally
        {
            _watchers.TryRemove(channel, out _);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Torture;

/// <summary>
/// Asks a's agent four times a second where the source stands: what an operator would see. Keeps when it said that
/// all is well, so that a hole in the history can be told from one that was shown.
/// </summary>
internal sealed class SourceWatch(TortureField field)
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly List<(DateTimeOffset At, bool Well)> _seen = [];
    private SourceStatus? _last;

    public SourceStatus? Last
    {
        get { lock (_lock) return _last; }
    }

    public async Task RunAsync(CancellationToken ct)
    {
        var shown = "";
        while (!ct.IsCancellationRequested)
        {
            var status = await LookAsync(ct);
            var well = status is { Phase: SourcePhase.Streaming };
            lock (_lock)
            {
                _seen.Add((field.Time.GetUtcNow(), well));
                if (status is not null) _last = status;
            }
            var now = status is null ? "no answer" : $"{status.Phase} {status.Reason} {status.Detail}";
            if (now != shown) field.Log.Write("source", $"{now} outbox {status?.OutboxBytes >> 10} KiB");
            shown = now;
            await Task.Delay(Every, field.Time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>True: at some look within the window it said that not all is well, or said nothing.</summary>
    public bool ShowedTrouble(DateTimeOffset from, DateTimeOffset to)
    {
        lock (_lock) return _seen.Exists(s => s.At >= from && s.At <= to && !s.Well);
    }

    /// <summary>Null: no answer, at once or in time.</summary>
    public async Task<SourceStatus?> LookAsync(CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(AnswerLimit);
        try
        {
            return await field.SourceAgent.SourceAsync(TortureOptions.Group, limit.Token);
        }
        catch (Exception e) when (e is ProblemException or OperationCanceledException or IOException)
        {
            return null;
        }
    }
}

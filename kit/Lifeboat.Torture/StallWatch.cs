// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Torture;

/// <param name="Length">By the guest's own clock.</param>
/// <param name="Machine">How much of it the machine did by itself.</param>
internal sealed record Stall(DateTimeOffset From, DateTimeOffset To, TimeSpan Length, TimeSpan Machine)
{
    public TimeSpan Ours => Length > Machine ? Length - Machine : TimeSpan.Zero;
}

/// <summary>Gaps between acknowledged records of the guest, and what was going on during each.</summary>
internal sealed class StallWatch(TortureField field)
{
    public const string Calm = "(none)";
    private static readonly TimeSpan Worth = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(30);
    // A freeze is asked for; the policy bounds it, and the dead man a moment later.
    private static readonly TimeSpan FrozenLimit = TimeSpan.FromSeconds(12);
    private readonly Dictionary<ulong, int> _looked = [];
    private readonly Dictionary<string, (Stall Longest, Stall Ours)> _byKind = new(StringComparer.Ordinal);

    /// <summary>By kind of strike: the longest, and the one that was most ours.</summary>
    public IReadOnlyDictionary<string, (Stall Longest, Stall Ours)> ByKind => _byKind;

    /// <summary>Takes in what was acknowledged since the last call.</summary>
    public void CatchUp()
    {
        foreach (var run in field.History.Runs(TortureOptions.Guest))
        {
            var from = _looked.GetValueOrDefault(run.Run, 1);
            for (var i = from; i < run.Acks.Count; i++)
            {
                var (before, after) = (run.Acks[i - 1], run.Acks[i]);
                var length = TimeSpan.FromMilliseconds(after.GuestMs - before.GuestMs);
                if (length < Worth) continue;
                var machine = field.Lateness.Within(after.At - length, after.At);
                Judge(new Stall(after.At - length, after.At, length, machine));
            }
            _looked[run.Run] = Math.Max(1, run.Acks.Count);
        }
    }

    /// <summary>The guest must be writing now.</summary>
    public void MustWrite()
    {
        var last = field.History.Latest(TortureOptions.Guest)?.LastAcked()?.At;
        if (last is null || field.Time.GetUtcNow() - last > Silence)
            field.Log.Violation($"the guest has acknowledged nothing since {last:O}");
    }

    private void Judge(Stall stall)
    {
        var near = field.Strikes.Near(stall.From, stall.To);
        var kinds = near.Select(s => s.Kind).Distinct().DefaultIfEmpty(Calm).ToList();
        foreach (var kind in kinds)
        {
            var (longest, ours) = _byKind.GetValueOrDefault(kind, (stall, stall));
            _byKind[kind] = (stall.Length > longest.Length ? stall : longest, stall.Ours > ours.Ours ? stall : ours);
        }
        var frozen = kinds.Contains(OtherStrikes.Quiesce);
        var text = $"{stall.Length.TotalMilliseconds:0} ms, {stall.Machine.TotalMilliseconds:0} ms of it the "
            + $"machine, until {stall.To:HH:mm:ss.fff}, near {string.Join(", ", kinds)}";
        field.Log.Write("stall", text);
        if (stall.Ours > (frozen ? FrozenLimit : field.Options.StallLimit))
            field.Log.Violation($"guest writes stalled {text}");
    }
}

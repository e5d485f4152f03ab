// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing;
using Lifeboat.Testing.Field;

namespace Lifeboat.Torture;

/// <summary>Faults of the line, one after another, with good moments between.</summary>
internal sealed class LinkStrikes(TortureField field, Prng prng)
{
    public const long OneMegabit = 1_000_000 / 8;
    private static readonly TimeSpan FlapHalf = TimeSpan.FromSeconds(1);

    public async Task RunAsync(CancellationToken ct)
    {
        try
        {
            while (!ct.IsCancellationRequested)
            {
                var (pause, kind, share) = (prng.Next(300, 3000), prng.Next(7), prng.NextDouble());
                var resets = prng.Chance(0.5);
                await DelayAsync(TimeSpan.FromMilliseconds(pause), ct);
                if (!ct.IsCancellationRequested) await StrikeAsync(kind, share, resets, ct);
            }
        }
        finally
        {
            field.Line.Conditions = LinkConditions.Good;
        }
    }

    public Task CutAsync(TimeSpan length, CancellationToken ct) =>
        HoldAsync("link cut", LinkConditions.Down, length, false, ct);

    public Task CapAsync(TimeSpan length, CancellationToken ct) =>
        HoldAsync("link 1 Mbit/s", new LinkConditions { BytesPerSecond = OneMegabit }, length, false, ct);

    public async Task FlapAsync(TimeSpan length, CancellationToken ct)
    {
        var strike = field.Strikes.Begin(StrikeFamily.Link, "link flapping each second");
        var start = field.Time.GetTimestamp();
        while (field.Time.GetElapsedTime(start) < length && !ct.IsCancellationRequested)
        {
            field.Line.Conditions = LinkConditions.Down;
            await DelayAsync(FlapHalf, ct);
            field.Line.Conditions = LinkConditions.Good;
            await DelayAsync(FlapHalf, ct);
        }
        field.Strikes.End(strike);
    }

    private Task StrikeAsync(int kind, double share, bool resets, CancellationToken ct)
    {
        TimeSpan Between(double least, double most) => TimeSpan.FromSeconds(least + share * (most - least));
        switch (kind)
        {
            case 0: return CutAsync(Between(0.5, 8), ct);
            case 1: return CapAsync(Between(3, 10), ct);
            case 2: return FlapAsync(Between(4, 10), ct);
            case 3:
                var forth = new LinkConditions { SilentForth = true };
                return HoldAsync("link silent forth", forth, Between(1, 9), resets, ct);
            case 4:
                var back = new LinkConditions { SilentBack = true };
                return HoldAsync("link silent back", back, Between(1, 9), resets, ct);
            case 5:
                var late = new LinkConditions { Delay = Between(0.05, 0.4) };
                return HoldAsync("link delay", late, Between(3, 8), false, ct);
            default:
                field.Strikes.Note(StrikeFamily.Link, "link reset");
                field.Line.Reset();
                return Task.CompletedTask;
        }
    }

    private async Task HoldAsync(
        string kind, LinkConditions conditions, TimeSpan length, bool resets, CancellationToken ct)
    {
        var strike = field.Strikes.Begin(StrikeFamily.Link, kind);
        field.Line.Conditions = conditions;
        await DelayAsync(length, ct);
        if (resets) field.Line.Reset();
        field.Line.Conditions = LinkConditions.Good;
        field.Strikes.End(strike);
    }

    private async Task DelayAsync(TimeSpan length, CancellationToken ct) =>
        await Task.Delay(length, field.Time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}

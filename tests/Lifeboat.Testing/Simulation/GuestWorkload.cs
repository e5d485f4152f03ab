// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <param name="Writers">Concurrent chains; each issues a write only after its last one was acknowledged.</param>
/// <param name="ThinkMicroseconds">Longest pause of a chain between two writes.</param>
public sealed record GuestOptions(int Writers, int ThinkMicroseconds, double ZeroShare, int MaxSectors)
{
    /// <summary>On average, with what a record adds.</summary>
    public long BytesPerSecond => Writers * 2_000_000L / ThinkMicroseconds * (256 * (MaxSectors + 1) + 100);
}

/// <summary>
/// What runs in the guest: chains of writes that hop over all disks, so that a write on one disk depends on
/// acknowledged ones on the others, as a database's log, data and control files do.
/// </summary>
public sealed class GuestWorkload(SimulatedInstance instance, GuestOptions options, Func<long> nextWrite, Prng prng)
{
    private bool _stopping;
    private int _chains;

    public List<GuestWrite> InFlight { get; } = [];
    public long Acknowledged { get; private set; }
    /// <summary>It has booted.</summary>
    public bool Up { get; private set; }
    public bool Stopping => _stopping;
    public bool Stopped => _stopping && _chains == 0;
    /// <summary>Longest time a write took, in ticks.</summary>
    public long WorstStall { get; private set; }
    public GuestOptions Options { get; set; } = options;

    public Task RunAsync()
    {
        Up = true;
        var chains = new List<Task>();
        for (var i = 0; i < Options.Writers; i++)
        {
            _chains++;
            chains.Add(ChainAsync());
        }
        return Task.WhenAll(chains);
    }

    /// <summary>The guest shuts down: no new writes, those in flight complete.</summary>
    public void Stop() => _stopping = true;

    public GuestWorkload Again() => new(instance, Options, nextWrite, prng);

    private async Task ChainAsync()
    {
        var process = instance.Process!;
        while (!_stopping)
        {
            await process.Clock.DelayAsync(TimeSpan.FromMicroseconds(1 + prng.Next(Options.ThinkMicroseconds)));
            while (instance.Freezing) await instance.UntilThawedAsync();
            if (_stopping || Choose(process.Scheduler.Now) is not { } write) continue;
            InFlight.Add(write);
            var written = await instance.Drive(write.Disk).WriteAsync(write);
            InFlight.Remove(write);
            if (!written) continue;
            Acknowledged++;
            WorstStall = Math.Max(WorstStall, write.Acked - write.Issued);
        }
        _chains--;
    }

    private GuestWrite? Choose(long now)
    {
        var disk = prng.Next(instance.Disks.Count);
        if (!instance.Drive(disk).Plugged) return null;
        var sectors = instance.Disks[disk].Sectors;
        var count = 1 + prng.Next(Math.Min(Options.MaxSectors, sectors));
        // Half of the writes go to a hot corner, so that sectors are written again and again.
        var range = prng.Chance(0.5) ? Math.Min(sectors, 4 * count) : sectors;
        var sector = prng.Next(range - count + 1);
        if (InFlight.Exists(w => w.Overlaps(disk, sector, count))) return null;
        return new GuestWrite(nextWrite(), disk, sector, count, prng.Chance(Options.ZeroShare), now);
    }
}

// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Linking;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// The path between the sites. TCP as applications see it: order within a connection, none across connections; what
/// was sent may be lost with the connection, or stall in a partition and arrive after a newer connection was made;
/// one side may never hear that the other is gone.
/// </summary>
public sealed class SimulatedNetwork(SimulatedScheduler scheduler, SimulatedProcess wires, Prng prng)
{
    private readonly Dictionary<string, Listener> _listeners = [];
    private readonly List<SimulatedConnection> _open = [];
    private readonly List<SimulatedConnection.End> _stalled = [];
    private PastSessions? _past;
    private bool _held;

    public SimulatedScheduler Scheduler => scheduler;
    public SimulatedProcess Wires => wires;
    public Prng Prng => prng;
    public bool Partitioned { get; private set; }
    /// <summary>Nothing that this site sends arrives; null: that of both does.</summary>
    public string? Mute { get; private set; }
    /// <summary>Single requests between controllers get lost now and then.</summary>
    public bool Stormy { get; set; }
    /// <summary>Told of every message that a process sends.</summary>
    internal Action<SimulatedProcess, SimulatedConnection, ReadOnlyMemory<byte>> Sent { get; set; } =
        static (_, _, _) => { };
    /// <summary>One way, the least.</summary>
    public TimeSpan Latency { get; set; } = TimeSpan.FromMilliseconds(5);
    public TimeSpan Jitter { get; set; } = TimeSpan.FromMilliseconds(5);
    public long BytesPerSecond { get; set; } = 50_000_000;
    /// <summary>The link version that connections made from now on speak; the older one: one side is of the release
    /// before.</summary>
    public int Version { get; set; } = ILinkConnection.VersionNewest;
    /// <summary>Connections are paths of striped ones.</summary>
    public bool Striped { get; set; }
    public long Messages { get; internal set; }
    public long Connections { get; private set; }

    public void Listen(string address, string site, SimulatedProcess process, Action<ILinkConnection> accept)
    {
        var listener = new Listener(site, process, accept);
        _listeners[address] = listener;
        process.OnExit(() =>
        {
            if (_listeners.GetValueOrDefault(address) == listener) _listeners.Remove(address);
        });
    }

    public ILink LinkOf(string site, SimulatedProcess process) => new Link(this, site, process);

    /// <summary>Nothing gets through until <see cref="Heal"/>; what is under way stalls or is lost.</summary>
    public void Partition()
    {
        Partitioned = true;
        foreach (var connection in _open) connection.Strand(prng);
    }

    /// <summary>Parted until <see cref="Release"/>, whoever heals in between.</summary>
    public void Hold()
    {
        _held = true;
        Partition();
    }

    public void Release()
    {
        _held = false;
        Heal();
    }

    /// <summary>One way: nothing that this site sends arrives until <see cref="Heal"/>.</summary>
    public void CutOneWay(string from) => Mute = from;

    internal bool IsCut(string from) => Partitioned || Mute == from;

    public void Heal()
    {
        Mute = null;
        if (_held) return;
        Partitioned = false;
        var stalled = _stalled.ToArray();
        _stalled.Clear();
        foreach (var end in stalled) end.Continue();
    }

    /// <summary>Breaks every connection; what is in flight is lost from some message on.</summary>
    public void BreakAll()
    {
        foreach (var connection in Struck()) connection.Break(prng);
    }

    /// <summary>Every connection is half open from now on; new ones are made as ever.</summary>
    public void GoSilent()
    {
        foreach (var connection in Struck()) connection.GoSilent(prng);
    }

    // Of a link over several paths a fault often hits one.
    private SimulatedConnection[] Struck() =>
        Striped && _open.Count > 1 && prng.Chance(0.6) ? [prng.Pick(_open)] : [.. _open];

    internal void Stall(SimulatedConnection.End end) => _stalled.Add(end);
    internal void Forget(SimulatedConnection connection) => _open.Remove(connection);

    internal long Travel() => Latency.Ticks + (Jitter.Ticks == 0 ? 0 : prng.Next((int)Jitter.Ticks));

    /// <summary>Sessions of the past, which may come back.</summary>
    internal PastSessions Past => _past ??= new PastSessions(this);

    internal async Task<ILinkConnection> ConnectAsync(string site, SimulatedProcess process, string target,
        string expectedSite, bool remember, CancellationToken ct)
    {
        scheduler.AssertInside();
        await process.Clock.DelayAsync(TimeSpan.FromTicks(2 * Travel()), ct);
        if (Partitioned || Mute is not null)
        {
            await process.Clock.DelayAsync(TimeSpan.FromSeconds(3), ct);
            throw new LinkException(LinkFault.Unreachable, $"{target}: timed out");
        }
        if (!_listeners.TryGetValue(target, out var listener))
            throw new LinkException(LinkFault.Unreachable, $"{target}: connection refused");
        if (listener.Site != expectedSite)
            throw new LinkException(LinkFault.CertificateRefused, $"{target} is {listener.Site}");
        Connections++;
        var connection = new SimulatedConnection(this, (process, site), (listener.Process, listener.Site));
        _open.Add(connection);
        if (remember) connection.Client.Said = Past.Begin(site, target, expectedSite, connection.Server.GoSilent);
        listener.Process.Post(() => listener.Accept(connection.Server));
        return connection.Client;
    }

    private sealed record Listener(string Site, SimulatedProcess Process, Action<ILinkConnection> Accept);

    private sealed class Link(SimulatedNetwork network, string site, SimulatedProcess process) : ILink
    {
        public Task<ILinkConnection> ConnectAsync(
            string target, string expectedSite, LinkPath path, CancellationToken ct) =>
            network.ConnectAsync(site, process, target, expectedSite, remember: true, ct);
    }
}

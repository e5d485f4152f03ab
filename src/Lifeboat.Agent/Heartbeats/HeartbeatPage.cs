// SPDX-License-Identifier: Apache-2.0
using System.IO.MemoryMappedFiles;
using System.Text;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Quiesce;

namespace Lifeboat.Agent.Heartbeats;

// The small file that agent and watchdog share. One writer: the agent, except that the watchdog may free a freeze that
// it has ended. Layout (little endian, of this host and this version only; a page with another magic is begun anew):
//   0 magic · 8 process id · 16 its start ticks · 24 counter · 64 + 256 n, n = 0..31: freezes
//   freeze: 0 deadline, Unix milliseconds, 0 = free, written last · 8 length · 12 guest agent's socket, UTF-8;
//     `qmp:` and a monitor's socket for an instance that is paused; `ticket:` and the file that says how to thaw
internal sealed unsafe class HeartbeatPage : IDisposable
{
    public const int FreezesMax = 32;
    private const long Magic = 0x3154_5245_4548_424C;   // "LBHEERT1"
    private const int ProcessAt = 8, StartAt = 16, CounterAt = 24, FreezesAt = 64;
    private const int FreezeBytes = 256, LengthAt = 8, PathAt = 12, PathMax = FreezeBytes - PathAt;
    private const int PageBytes = FreezesAt + FreezesMax * FreezeBytes;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _page;
    private readonly Lock _lock = new();

    private HeartbeatPage(MemoryMappedFile file)
    {
        _file = file;
        _view = file.CreateViewAccessor(0, PageBytes);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _page);
        if (Volatile.Read(ref At<long>(0)) == Magic) return;
        new Span<byte>(_page, PageBytes).Clear();
        Volatile.Write(ref At<long>(0), Magic);
    }

    /// <summary>Opens the page, made when absent.</summary>
    public static HeartbeatPage Open(string path)
    {
        using var handle = File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        return new HeartbeatPage(MemoryMappedFile.CreateFromFile(
            path, FileMode.Open, null, PageBytes, MemoryMappedFileAccess.ReadWrite));
    }

    /// <summary>The agent whose counter this is; none before the first agent.</summary>
    public ProcessIdentity Agent => new(Volatile.Read(ref At<int>(ProcessAt)), Volatile.Read(ref At<long>(StartAt)));

    public long Counter => Volatile.Read(ref At<long>(CounterAt));

    public void Register(ProcessIdentity agent)
    {
        Volatile.Write(ref At<int>(ProcessAt), 0);
        Volatile.Write(ref At<long>(StartAt), agent.StartTicks);
        Volatile.Write(ref At<int>(ProcessAt), agent.Id);
    }

    public void Bump() => Interlocked.Increment(ref At<long>(CounterAt));

    /// <summary>Notes that a guest is about to be frozen. Null: no room or too long a path; do not freeze.</summary>
    public Freeze? Announce(string guestAgentSocket, DateTimeOffset deadline)
    {
        var path = Encoding.UTF8.GetBytes(guestAgentSocket);
        if (path.Length > PathMax) return null;
        lock (_lock)
        {
            for (var slot = 0; slot < FreezesMax; slot++)
            {
                var at = FreezesAt + slot * FreezeBytes;
                if (Volatile.Read(ref At<long>(at)) != 0) continue;
                path.CopyTo(new Span<byte>(_page + at + PathAt, PathMax));
                Volatile.Write(ref At<int>(at + LengthAt), path.Length);
                var stamp = deadline.ToUnixTimeMilliseconds();
                Volatile.Write(ref At<long>(at), stamp);
                // To the page's precision, so that it equals what Freezes() finds there.
                return new Freeze(slot, DateTimeOffset.FromUnixTimeMilliseconds(stamp), guestAgentSocket);
            }
        }
        return null;
    }

    /// <summary>The guest is thawed. Only while the slot still belongs to that announcement.</summary>
    public void Clear(Freeze freeze)
    {
        var deadline = freeze.Deadline.ToUnixTimeMilliseconds();
        Interlocked.CompareExchange(ref At<long>(FreezesAt + freeze.Slot * FreezeBytes), 0, deadline);
    }

    public IReadOnlyList<Freeze> Freezes()
    {
        var found = new List<Freeze>();
        for (var slot = 0; slot < FreezesMax; slot++)
        {
            var at = FreezesAt + slot * FreezeBytes;
            if (Volatile.Read(ref At<long>(at)) is var deadline and not 0)
                found.Add(new Freeze(slot, DateTimeOffset.FromUnixTimeMilliseconds(deadline),
                    Encoding.UTF8.GetString(_page + at + PathAt, Math.Clamp(At<int>(at + LengthAt), 0, PathMax))));
        }
        return found;
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    private ref T At<T>(int offset) where T : unmanaged => ref *(T*)(_page + offset);
}

/// <param name="Deadline">The watchdog thaws when it has passed, to the millisecond.</param>
internal readonly record struct Freeze(int Slot, DateTimeOffset Deadline, string GuestAgentSocket)
{
    private const string Pause = "qmp:";

    /// <summary>The file that says how to thaw; null: the guest agent's socket, or the monitor, is enough.</summary>
    public string? Ticket => GuestAgentSocket.StartsWith(ThawTicket.Mark, StringComparison.Ordinal)
        ? GuestAgentSocket[ThawTicket.Mark.Length..] : null;

    /// <summary>What stands for the guest agent's socket when an instance is paused through its monitor.</summary>
    public static string PauseOf(string monitorSocket) => Pause + monitorSocket;

    /// <summary>The monitor of an instance that is paused; null: it is a freeze by its guest agent.</summary>
    public string? Monitor => GuestAgentSocket.StartsWith(Pause, StringComparison.Ordinal)
        ? GuestAgentSocket[Pause.Length..] : null;
}

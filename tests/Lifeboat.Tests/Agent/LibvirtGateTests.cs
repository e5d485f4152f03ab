// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Lifeboat.Agent.LibvirtGate;
using Lifeboat.Contracts.Agents;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Tests.Agent;

/// <summary>Packets of libvirt's RPC between a client, a libvirt and an agent that are scripted here.</summary>
public sealed class LibvirtGateTests : IAsyncLifetime
{
    private const int BlockCommit = 290, SnapshotCreate = 185, GetState = 212, Call = 0, Reply = 1, CallWithFiles = 4;
    private static readonly Guid Uuid = Guid.Parse("0b1d7b4e-1111-2222-3333-444455556666");

    private readonly string _directory = Directory.CreateTempSubdirectory("lb-gate").FullName;
    private readonly ConcurrentQueue<string> _asked = new();
    private readonly List<Socket> _sockets = []; // one that nobody refers to any more hangs up
    private readonly TaskCompletionSource _mayRelease = new();
    private readonly CancellationTokenSource _stop = new();
    private TaskCompletionSource? _mayCapture;
    private Socket _libvirt = null!;
    private WebApplication? _agent;
    private Task _serving = Task.CompletedTask;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _libvirt = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _libvirt.Bind(new UnixDomainSocketEndPoint(PathOf("libvirt")));
        _libvirt.Listen();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _mayRelease.TrySetResult();
        await _stop.CancelAsync();
        await _serving;
        if (_agent is not null) await _agent.DisposeAsync();
        foreach (var socket in _sockets) socket.Dispose();
        _libvirt.Dispose();
        _stop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_guarded_call_waits_for_the_agent_others_pass_it_and_disks_are_taken_back_at_the_answer()
    {
        await StartAgentAsync();
        var (client, libvirt) = await ConnectAsync(TimeSpan.FromSeconds(30));
        await client.SendAsync(Packet(BlockCommit, Call, serial: 7, Domain("web")), Ct);
        await client.SendAsync(Packet(GetState, Call, serial: 8, Domain("web")), Ct);
        Assert.Equal((GetState, 8u), Head(await ReadAsync(libvirt)));
        await UntilAsync(() => !_asked.IsEmpty);
        Assert.Equal([$"release web {Uuid}"], _asked);

        _mayRelease.SetResult();
        var held = await ReadAsync(libvirt);
        Assert.Equal(Packet(BlockCommit, Call, 7, Domain("web")), held);
        Assert.Single(_asked);

        await libvirt.SendAsync(Packet(BlockCommit, Reply, 7, []), Ct);
        Assert.Equal((BlockCommit, 7u), Head(await ReadAsync(client)));
        await UntilAsync(() => _asked.Count == 2);
        Assert.Equal($"capture web {Uuid}", _asked.Last());
    }

    [Fact]
    public async Task For_a_snapshot_the_agent_keeps_the_disks_and_stands_back()
    {
        await StartAgentAsync();
        var (client, libvirt) = await ConnectAsync(TimeSpan.FromSeconds(30));
        await client.SendAsync(Packet(SnapshotCreate, Call, serial: 7, Domain("web")), Ct);
        await UntilAsync(() => !_asked.IsEmpty);
        _mayRelease.SetResult();
        Assert.Equal((SnapshotCreate, 7u), Head(await ReadAsync(libvirt)));
        await libvirt.SendAsync(Packet(SnapshotCreate, Reply, 7, []), Ct);
        Assert.Equal((SnapshotCreate, 7u), Head(await ReadAsync(client)));
        await UntilAsync(() => _asked.Count == 2);
        Assert.Equal([$"stand back from web {Uuid}", $"capture web {Uuid}"], _asked);
    }

    [Fact]
    public async Task An_agent_that_is_away_or_does_not_answer_keeps_no_call_from_libvirt()
    {
        var (client, libvirt) = await ConnectAsync(TimeSpan.FromSeconds(30));
        await client.SendAsync(Packet(BlockCommit, Call, 1, Domain("web")), Ct);
        Assert.Equal((BlockCommit, 1u), Head(await ReadAsync(libvirt)));
    }

    [Fact]
    public async Task A_slow_agent_is_waited_for_no_longer_than_the_limit()
    {
        await StartAgentAsync();
        var (client, libvirt) = await ConnectAsync(TimeSpan.FromMilliseconds(200));
        await client.SendAsync(Packet(BlockCommit, Call, 1, Domain("web")), Ct);
        Assert.Equal((BlockCommit, 1u), Head(await ReadAsync(libvirt)));
        Assert.Equal([$"release web {Uuid}"], _asked);
    }

    [Fact]
    public async Task Disks_are_taken_back_when_whoever_asked_hangs_up()
    {
        await StartAgentAsync();
        _mayRelease.SetResult();
        var (client, libvirt) = await ConnectAsync(TimeSpan.FromSeconds(30));
        await client.SendAsync(Packet(BlockCommit, Call, 1, Domain("web")), Ct);
        await ReadAsync(libvirt);
        client.Dispose();
        await UntilAsync(() => _asked.Count == 2);
        Assert.Equal($"capture web {Uuid}", _asked.Last());
    }

    [Fact]
    public async Task Disks_are_taken_back_also_of_a_call_whose_client_hung_up_while_the_agent_was_asked()
    {
        await StartAgentAsync();
        var (client, _) = await ConnectAsync(TimeSpan.FromSeconds(30));
        await client.SendAsync(Packet(BlockCommit, Call, 1, Domain("web")), Ct);
        await UntilAsync(() => !_asked.IsEmpty);
        client.Dispose();
        await UntilAsync(() => _asked.Count == 2);
        Assert.Equal($"capture web {Uuid}", _asked.Last());
    }

    [Fact]
    public async Task A_gate_that_ends_at_an_answer_takes_the_disks_back_before()
    {
        await StartAgentAsync();
        _mayRelease.SetResult();
        var (client, libvirt) = await ConnectAsync(TimeSpan.FromSeconds(30));
        await client.SendAsync(Packet(BlockCommit, Call, 1, Domain("web")), Ct);
        await ReadAsync(libvirt);
        await libvirt.SendAsync(Packet(BlockCommit, Reply, 1, []), Ct);
        await ReadAsync(client);
        await _stop.CancelAsync();
        await _serving;
        Assert.Equal([$"release web {Uuid}", $"capture web {Uuid}"], _asked);
    }

    [Fact]
    public async Task Disks_of_two_calls_are_taken_back_at_the_answer_to_the_last_one()
    {
        await StartAgentAsync();
        _mayRelease.SetResult();
        var (first, atFirst) = await ConnectAsync(TimeSpan.FromSeconds(30));
        var (second, atSecond) = await ConnectAsync();
        await first.SendAsync(Packet(BlockCommit, Call, 1, Domain("web")), Ct);
        await ReadAsync(atFirst);
        await second.SendAsync(Packet(BlockCommit, Call, 1, Domain("web")), Ct);
        await ReadAsync(atSecond);
        await atFirst.SendAsync(Packet(BlockCommit, Reply, 1, []), Ct);
        await ReadAsync(first);
        await atSecond.SendAsync(Packet(BlockCommit, Reply, 1, []), Ct);
        await ReadAsync(second);
        await UntilAsync(() => _asked.Count >= 3);
        await first.SendAsync(Packet(BlockCommit, Call, 2, Domain("web")), Ct);
        await ReadAsync(atFirst);
        string release = $"release web {Uuid}", capture = $"capture web {Uuid}";
        Assert.Equal([release, release, capture, release], _asked);
    }

    [Fact]
    public async Task What_libvirt_says_next_does_not_wait_until_disks_are_taken_back()
    {
        _mayCapture = new TaskCompletionSource();
        await StartAgentAsync();
        _mayRelease.SetResult();
        var (client, libvirt) = await ConnectAsync(TimeSpan.FromSeconds(30));
        await client.SendAsync(Packet(BlockCommit, Call, 1, Domain("web")), Ct);
        await ReadAsync(libvirt);
        await libvirt.SendAsync(Packet(BlockCommit, Reply, 1, []), Ct);
        await ReadAsync(client);
        await UntilAsync(() => _asked.Count == 2);
        await libvirt.SendAsync(Packet(GetState, Reply, 2, []), Ct);
        Assert.Equal((GetState, 2u), Head(await ReadAsync(client)));
        _mayCapture.SetResult();
    }

    [Theory]
    [InlineData(BlockCommit, CallWithFiles, 60)]
    [InlineData(GetState, Call, 12)]
    [InlineData(GetState, Call, int.MaxValue)]
    public async Task What_cannot_be_passed_ends_that_connection_and_no_other(int procedure, int type, int length)
    {
        var (other, atLibvirt) = await ConnectAsync(TimeSpan.FromSeconds(30));
        var (client, _) = await ConnectAsync();
        var packet = Packet(procedure, type, 1, Domain("web"));
        if (length != 60) BinaryPrimitives.WriteInt32BigEndian(packet, length);
        await client.SendAsync(packet, Ct);
        await AssertHungUpAsync(client);

        await other.SendAsync(Packet(GetState, Call, 2, Domain("web")), Ct);
        Assert.Equal((GetState, 2u), Head(await ReadAsync(atLibvirt)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    [InlineData(40)]
    public async Task A_guarded_call_whose_domain_cannot_be_read_passes_as_it_is(int nameLength)
    {
        var (client, libvirt) = await ConnectAsync(TimeSpan.FromSeconds(30));
        var arguments = Domain("web");
        BinaryPrimitives.WriteInt32BigEndian(arguments, nameLength);
        var packet = Packet(BlockCommit, Call, 1, arguments);
        await client.SendAsync(packet, Ct);
        Assert.Equal(packet, await ReadAsync(libvirt));
    }

    [Fact]
    public async Task Only_where_nobody_listens_a_gate_is_made()
    {
        using var gate = new GateHost(Options(TimeSpan.FromSeconds(1)) with { ListenPath = PathOf("libvirt") },
            TimeProvider.System);
        await Assert.ThrowsAsync<IOException>(() => gate.RunAsync(Ct));
        Assert.True(File.Exists(PathOf("libvirt")));
    }

    private GateOptions Options(TimeSpan limit) =>
        new(PathOf("gate"), PathOf("libvirt"), PathOf("agent")) { ReleaseLimit = limit };

    private string PathOf(string name) => Path.Combine(_directory, name);

    private async Task StartAgentAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.ListenUnixSocket(PathOf("agent")));
        _agent = builder.Build();
        foreach (var (path, words) in new[] { ("release", "release"), ("stand-back", "stand back from") })
            _agent.MapPost($"/v1/domains/{path}", async (DomainRelease request) =>
            {
                _asked.Enqueue($"{words} {string.Join(' ', request.Names)}");
                await _mayRelease.Task;
                return new DomainVolumes(["shop/web.vda"]);
            });
        _agent.MapPost("/v1/domains/capture", async (DomainNames request) =>
        {
            _asked.Enqueue($"capture {string.Join(' ', request.Names)}");
            if (_mayCapture is { } may) await may.Task;
            return new DomainVolumes(["shop/web.vda"]);
        });
        await _agent.StartAsync(Ct);
    }

    private async Task<(Socket Client, Socket Libvirt)> ConnectAsync(TimeSpan limit)
    {
        var gate = new GateHost(Options(limit), TimeProvider.System);
        _serving = gate.RunAsync(_stop.Token).ContinueWith(_ => gate.Dispose(), TaskScheduler.Default);
        await UntilAsync(() => File.Exists(PathOf("gate")));
        return await ConnectAsync();
    }

    private async Task<(Socket Client, Socket Libvirt)> ConnectAsync()
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _sockets.Add(client);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(PathOf("gate")), Ct);
        _sockets.Add(await _libvirt.AcceptAsync(Ct));
        return (client, _sockets[^1]);
    }

    private static byte[] Domain(string name)
    {
        var padded = (name.Length + 3) / 4 * 4;
        var bytes = new byte[4 + padded + 16 + 4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, name.Length);
        Encoding.UTF8.GetBytes(name, bytes.AsSpan(4));
        Uuid.TryWriteBytes(bytes.AsSpan(4 + padded), bigEndian: true, out _);
        return bytes;
    }

    private static byte[] Packet(int procedure, int type, uint serial, byte[] arguments)
    {
        var bytes = new byte[RpcFrame.HeadBytes + arguments.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4), 0x20008086);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), 1);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(12), procedure);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), type);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(20), serial);
        arguments.CopyTo(bytes, RpcFrame.HeadBytes);
        return bytes;
    }

    private static async Task<byte[]> ReadAsync(Socket from)
    {
        await using var stream = new NetworkStream(from, ownsSocket: false);
        var head = new byte[4];
        await stream.ReadExactlyAsync(head, Ct);
        var bytes = new byte[BinaryPrimitives.ReadInt32BigEndian(head)];
        head.CopyTo(bytes, 0);
        await stream.ReadExactlyAsync(bytes.AsMemory(4), Ct);
        return bytes;
    }

    private static async Task AssertHungUpAsync(Socket client)
    {
        try
        {
            Assert.Equal(0, await client.ReceiveAsync(new byte[1], Ct));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // As the kernel says it when something sent was not read.
        }
    }

    private static (int, uint) Head(byte[] packet) => (new RpcFrame(packet).Procedure, new RpcFrame(packet).Serial);

    private static async Task UntilAsync(Func<bool> holds)
    {
        while (!holds()) await Task.Delay(10, Ct);
    }
}

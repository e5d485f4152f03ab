// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Sockets;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>
/// Bits of a replica's real files turn over, while its agent is down or up, and nobody can send anything again: what
/// is read is right or refused, a scrub names file, byte and time. Then the source comes back, and all is right again.
/// </summary>
public sealed class FlippedBitTests : TwoAgents
{
    private const int Piece = 64 << 10;
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private string Journal => Path.Combine(B.Paths.Replicas, ProtectedQemu.Group, "journal");
    private string Base => Path.Combine(B.Paths.Replicas, ProtectedQemu.Group, "base", "vm.disk0.raw");

    [Fact]
    public async Task Every_part_of_a_journal_is_found_named_and_mended()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await vm.ProtectAsync(A, B);
        await vm.AssertPointIsTheDisksAsync(A, B); // what is older than the first point is folded
        // More than a segment holds, so that there is a complete one with its index and one that grows.
        for (var i = 0; i < 20; i++) await vm.Qemu.WriteAsync(0, (byte)(i + 1), i % 7 * (4 << 20), 4 << 20);
        await vm.AssertPointIsTheDisksAsync(A, B);
        var segments = Directory.GetFiles(Journal, "seg-*.lbj").Order(StringComparer.Ordinal).ToArray();
        Assert.True(segments.Length >= 2, $"{segments.Length} segments");

        // Indexes first: of a segment that has lost a record as well nobody could say which.
        foreach (var at in new[] { 16L, 64 + 32 * 5 + 3, new FileInfo(Index(segments[0])).Length - 9 })
            await RoundAsync(vm, $"byte {at} of an index", () => [Flip(Index(segments[0]), at, 4)]);
        await RoundAsync(vm, "the index that grows and the manifest", () =>
            [Flip(Index(segments[1]), 70, 5), Flip(Path.Combine(Journal, "manifest.json"), 99, 1)]);
        await RoundAsync(vm, "parts of both segments", () =>
        {
            var (blocks, records) = JournalBytes.Of(segments[0]);
            var writes = records.Where(r => r.Kind == 1).ToArray();
            var grown = JournalBytes.Of(segments[1]).Records.First(r => r.Kind == 1);
            return
            [
                Flip(segments[0], 26, 3), // the head's salt
                Flip(segments[0], blocks[blocks.Count / 2] + 8, 7),
                Flip(segments[0], writes[3].At + 33, 1), // the offset in a record's head
                Flip(segments[0], writes[^2].At + 64 + writes[^2].Data / 2, 6), // its data
                Flip(segments[1], grown.At + 64 + 77, 0),
                Flip(Path.Combine(Journal, "manifest.copy"), 40, 2),
            ];
        });
        await RoundAsync(vm, "a record and the index that says what it was", () =>
        {
            var segment = Directory.GetFiles(Journal, "seg-*.lbj").Order(StringComparer.Ordinal).First();
            var write = JournalBytes.Of(segment).Records.Last(r => r.Kind == 1);
            return [Flip(segment, write.At + 64 + 5, 2), Flip(Index(segment), 70, 3)];
        });
    }

    [Fact]
    public async Task Every_part_of_the_base_is_found_named_and_mended_also_while_it_is_open()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        for (var i = 0; i < 8; i++) await vm.Qemu.WriteAsync(0, (byte)(i + 1), i * (4 << 20), 3 << 20);
        await B.Client.PutReplicaAsync(
            vm.ReplicaSpec(A.Name) with { Retention = Retention.All(TimeSpan.FromSeconds(10)) }, None);
        await A.Client.PutSourceAsync(vm.SourceSpec(B.Name, B.LinkAddress), None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        var begun = (await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).DurableSequence;
        await UntilAsync(r => r.FoldedSequence >= begun, "history is folded");
        var sums = Path.Combine(Journal, "base-0.sums");

        await RoundAsync(vm, "blocks of the image", () =>
            [Flip(Base, 4096 + 9, 3), Flip(Base, (9 << 20) + 4095, 7), Flip(Base, (31 << 20) + 512, 0)]);
        await RoundAsync(vm, "a block of zeroes and the table", () =>
            [Flip(Base, (3 << 20) + (512 << 10) + 5, 2), Flip(sums, 5 * 512 + 100, 1)]);
        // A fold that a crash has cut off has its sums there; damaged, it counts as never written.
        await RoundAsync(vm, "the redo of a fold", () => [Flip(Path.Combine(Journal, "fold.redo"), 60, 4)], named: 0);

        JournalBytes.Flip(Base, 20 << 20, 5);
        await ScrubAsync();
        await UntilAsync(r => r.Damages.All(d => d.MendedAt is not null), "the source has sent the block again");
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    [Fact]
    public async Task A_log_with_a_flipped_bit_is_never_shipped_and_what_it_had_comes_by_the_change_map()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        var spec = vm.SourceSpec(B.Name, B.LinkAddress);
        spec = spec with { Policy = spec.Policy with { OutboxBytes = 16 << 20, OutboxLogBytes = 128 << 20 } };
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        await A.Client.PutSourceAsync(spec, None);
        var before = await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        await B.StopAsync();
        for (var i = 0; i < 8; i++)
        {
            await vm.Qemu.WriteAsync(0, (byte)(i + 1), i * (3 << 20), 3 << 20);
            await ProtectedQemu.WaitAsync(A, s => s.Outbox!.MemoryBytes <= 9 << 20);
        }
        await ProtectedQemu.WaitAsync(A, s => s.Outbox is { Rung: OutboxRung.Log });

        var log = Path.Combine(A.Paths.AgentState, "outbox", ProtectedQemu.Group);
        var segment = Directory.GetFiles(log, "seg-*.lbj").Order(StringComparer.Ordinal).First();
        var write = JournalBytes.Of(segment).Records.Last(r => r.Kind == 1);
        JournalBytes.Flip(segment, write.At + 64 + 1000, 3);
        var since = DateTimeOffset.UtcNow;
        await B.StartAsync();

        var after = await ProtectedQemu.WaitAsync(
            A, s => s.Phase == SourcePhase.Streaming && s.Attaches > before.Attaches);
        Assert.NotEqual(ResyncKind.Replay, after.LastResync);
        await vm.AssertPointIsTheDisksAsync(A, B);
        Assert.Contains(Path.GetFileName(segment), after.Outbox!.LogDamage!.Detail, StringComparison.Ordinal);
        Assert.InRange(after.Outbox.LogDamage.FoundAt, since.AddSeconds(-1), DateTimeOffset.UtcNow.AddSeconds(1));
    }

    [Fact]
    public async Task A_bit_flipped_on_the_wire_ends_the_session_and_nothing_else()
    {
        await using var proxy = LinkProxy.Listen(IPEndPoint.Parse(B.LinkAddress), TimeProvider.System);
        await using var vm = await ProtectedQemu.StartAsync(1);
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        await A.Client.PutSourceAsync(vm.SourceSpec(B.Name, $"{proxy.Address}"), None);
        var before = await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        for (var i = 0; i < 6; i++)
        {
            // A flip is for a session, not for a handshake.
            await ProtectedQemu.WaitAsync(A, s => s is { Phase: SourcePhase.Streaming, Reason: ReasonCode.None });
            var accepted = proxy.Accepted;
            proxy.FlipBit(forth: i % 3 != 2);
            await vm.Qemu.WriteAsync(0, (byte)(i + 1), i * (4 << 20), 1 << 20);
            // Either end may be the first to notice; then the source connects anew.
            await ProtectedQemu.WaitAsync(A, _ => proxy.HasFlipped && proxy.Accepted > accepted);
        }
        await vm.AssertPointIsTheDisksAsync(A, B);
        Assert.Equal(before.Attaches, (await A.Client.SourceAsync(ProtectedQemu.Group, None)).Attaches);
        Assert.Empty((await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).Damages);
    }

    [Fact]
    public async Task A_sector_that_a_real_medium_cannot_read_is_damage_and_its_neighbours_are_not()
    {
        await using var vm = await ProtectedQemu.StartAsync(1);
        await using var medium = await FailingMedium.StartAsync(vm.Qemu.Directory, ProtectedQemu.DiskBytes);
        if (medium is null) Assert.Skip("no file system in user space here (/dev/fuse and qemu-storage-daemon)");
        await vm.Qemu.WriteAsync(0, 0x31, 0, 16 << 20);
        var spec = vm.ReplicaSpec(A.Name);
        spec = spec with { Volumes = [spec.Volumes[0] with { TargetDisk = medium.Disk }] };
        await B.Client.PutReplicaAsync(spec, None);
        await A.Client.PutSourceAsync(vm.SourceSpec(B.Name, B.LinkAddress), None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        await ScrubAsync();
        await vm.AssertPointIsTheDisksAsync(A, B);
        await A.StopAsync();
        await B.StopAsync();
        var disk = await File.ReadAllBytesAsync(vm.Qemu.Image(0), None);

        await medium.FailAsync(sector: (20 << 20) / 512);
        await B.StartAsync();
        await AssertRightOrRefusedAsync(disk, "a sector");
        var damage = Assert.Single(await ScrubAsync());
        Assert.Equal((DamagedPart.Base, 20L << 20, 4096L), (damage.Part, damage.Offset, damage.Length));
        await AssertRightOrRefusedAsync(disk, "a sector");

        // A medium that reads well again has lost nothing.
        await B.StopAsync();
        await medium.FailAsync(sector: null);
        await B.StartAsync();
        await A.StartAsync();
        await UntilAsync(r => r.Damages.All(d => d.MendedAt is not null), "it is forgotten");
        await vm.AssertPointIsTheDisksAsync(A, B);
        await B.Client.DeleteReplicaAsync(ProtectedQemu.Group, None); // it has a file of the medium open
    }

    private static string Index(string segment) => Path.ChangeExtension(segment, ".idx");

    private static string Flip(string file, long at, int bit)
    {
        JournalBytes.Flip(file, at, bit);
        return Path.GetFileName(file) == "vm.disk0.raw" ? "base image of vm.disk0" : Path.GetFileName(file);
    }

    /// <param name="flip">Turns bits over; the files' names as damage is told.</param>
    /// <param name="named">How many files must be named; null: all.</param>
    private async Task RoundAsync(ProtectedQemu vm, string what, Func<string[]> flip, int? named = null)
    {
        await vm.AssertPointIsTheDisksAsync(A, B);
        await A.StopAsync();
        await B.StopAsync();
        var disk = await File.ReadAllBytesAsync(vm.Qemu.Image(0), None);
        var since = DateTimeOffset.UtcNow;
        var files = flip();
        await B.StartAsync();

        await AssertRightOrRefusedAsync(disk, what);
        var told = await ScrubAsync();
        foreach (var file in files.Take(named ?? files.Length))
            Assert.True(told.Any(d => d.File == file && d.FoundAt >= since.AddSeconds(-1)),
                $"{what}: {file} is not among {string.Join("; ", told)}");
        await AssertRightOrRefusedAsync(disk, what);

        await A.StartAsync();
        await UntilAsync(r => r.Damages.All(d => d.MendedAt is not null), $"{what} is mended");
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        await vm.AssertPointIsTheDisksAsync(A, B);
    }

    // Opened by who accepts holes, the newest point gives the disk's bytes or an error. By one who does not, it opens
    // only while nothing is known to be damaged.
    private async Task AssertRightOrRefusedAsync(byte[] disk, string what)
    {
        var newest = (await B.Client.PointsAsync(ProtectedQemu.Group, None))[^1];
        if (newest.State == PointState.Damaged)
        {
            var refused = await Assert.ThrowsAsync<ProblemException>(() => B.Client.OpenViewAsync(
                ProtectedQemu.Group, new ViewRequest("recover", newest.Id, null, false), None));
            Assert.Equal(ReasonCode.ReplicaDamaged, refused.Reason);
        }
        var status = await B.Client.ReplicaAsync(ProtectedQemu.Group, None);
        if (status.Damages.Any(d => d is { Part: DamagedPart.Stretch, MendedAt: null }))
        {
            // Any byte of it could be wrong, so nobody gets one.
            var refused = await Assert.ThrowsAsync<ProblemException>(() => B.Client.OpenViewAsync(ProtectedQemu.Group,
                new ViewRequest("look", newest.Id, null, false) { AcceptDamage = true }, None));
            Assert.Equal(ReasonCode.ReplicaDamaged, refused.Reason);
            return;
        }
        var view = await B.Client.OpenViewAsync(ProtectedQemu.Group,
            new ViewRequest("look", newest.Id, null, false) { AcceptDamage = true }, None);
        await using (var nbd = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(view.Volumes[0].Socket),
            new NbdClientOptions { Export = view.Volumes[0].Export }, None))
        {
            var bytes = new byte[Piece];
            for (var at = 0; at < disk.Length; at += Piece)
            {
                try
                {
                    await nbd.ReadAsync(at, bytes, None);
                }
                catch (NbdException e) when (e.Error == NbdError.Io)
                {
                    continue;
                }
                Assert.True(bytes.AsSpan().SequenceEqual(disk.AsSpan(at, Piece)), $"{what}: wrong from {at}");
            }
        }
        await B.Client.CloseViewAsync(ProtectedQemu.Group, "look", None);
    }

    private async Task<IReadOnlyList<DamageStatus>> ScrubAsync()
    {
        var before = (await B.Client.ReplicaAsync(ProtectedQemu.Group, None)).Scrub!.LastPassAt;
        await B.Client.ScrubAsync(ProtectedQemu.Group, None);
        var after = await UntilAsync(r => r.Scrub!.LastPassAt != before, "a pass of the scrub");
        return [.. after.Damages, .. after.Scrub!.Repaired];
    }

    private async Task<ReplicaStatus> UntilAsync(Func<ReplicaStatus, bool> holds, string what)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var status = await B.Client.ReplicaAsync(ProtectedQemu.Group, None);
            if (holds(status)) return status;
            Assert.True(TimeProvider.System.GetElapsedTime(started) < Limit,
                $"not in time: {what}; {status.Reason} {status.Detail} {string.Join("; ", status.Damages)}");
            await Task.Delay(100, None);
        }
    }
}

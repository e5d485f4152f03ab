// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Testing;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Tests.Journaling;

public sealed class SimulatedStorageConformance : StorageConformance
{
    private readonly SimulatedDisk _disk = new(new Prng(1));

    protected override IStorage Open() => new SimulatedStorage(_disk);
}

public sealed class SimulatedStorageTests
{
    private static readonly CancellationToken Ct = CancellationToken.None;

    [Fact]
    public async Task A_crash_keeps_what_was_flushed_and_may_lose_or_tear_the_rest()
    {
        int kept = 0, lost = 0, torn = 0;
        for (ulong seed = 0; seed < 200; seed++)
        {
            var disk = new SimulatedDisk(new Prng(seed));
            await WriteAsync(disk, flushed: new byte[] { 9, 9 }, then: [.. Enumerable.Repeat((byte)5, 4096)]);
            disk.Crash();

            await using var file = await new SimulatedStorage(disk).OpenAsync("a", create: false, Ct);
            var bytes = new byte[await file.LengthAsync(Ct)];
            await file.ReadAsync(0, bytes, Ct);
            Assert.Equal([9, 9], bytes.AsSpan(0, 2).ToArray());
            var fives = bytes.Count(b => b == 5);
            if (fives == 0) lost++;
            else if (fives == 4096) kept++;
            else torn++;
        }
        Assert.True(kept > 10 && lost > 10 && torn > 10, $"kept {kept}, lost {lost}, torn {torn}");
    }

    [Fact]
    public async Task The_same_seed_crashes_the_same_way()
    {
        var states = new List<byte[]>();
        for (var i = 0; i < 2; i++)
        {
            var disk = new SimulatedDisk(new Prng(42));
            await WriteAsync(disk, new byte[] { 9, 9 }, new Prng(1).Bytes(9000));
            disk.Crash();
            await using var file = await new SimulatedStorage(disk).OpenAsync("a", create: false, Ct);
            var bytes = new byte[await file.LengthAsync(Ct)];
            await file.ReadAsync(0, bytes, Ct);
            states.Add(bytes);
        }
        Assert.Equal(states[0], states[1]);
    }

    [Fact]
    public async Task Killed_processes_lose_their_handles_and_no_bytes()
    {
        var disk = new SimulatedDisk(new Prng(1));
        var old = await new SimulatedStorage(disk).OpenAsync("a", create: true, Ct);
        await old.WriteAsync(0, new byte[] { 1 }, Ct);
        disk.KillProcesses();

        await Assert.ThrowsAsync<StorageException>(async () => await old.WriteAsync(0, new byte[] { 2 }, Ct));
        await using var file = await new SimulatedStorage(disk).OpenAsync("a", create: false, Ct);
        Assert.Equal(1, await file.LengthAsync(Ct));
    }

    [Fact]
    public async Task A_full_disk_takes_a_part_and_says_so()
    {
        var disk = new SimulatedDisk(new Prng(1)) { CapacityBytes = 3 * 4096 };
        await using var file = await new SimulatedStorage(disk).OpenAsync("a", create: true, Ct);
        var failure = await Assert.ThrowsAsync<StorageException>(
            async () => await file.WriteAsync(0, new byte[5 * 4096], Ct));
        Assert.Equal(StorageFault.Full, failure.Fault);
        Assert.True(disk.AllocatedBytes <= disk.CapacityBytes);
    }

    private static async Task WriteAsync(SimulatedDisk disk, byte[] flushed, byte[] then)
    {
        var storage = new SimulatedStorage(disk);
        await using var file = await storage.OpenAsync("a", create: true, Ct);
        await storage.SyncAsync(Ct);
        await file.WriteAsync(0, flushed, Ct);
        await file.FlushAsync(Ct);
        await file.WriteAsync(2, then, Ct);
    }
}

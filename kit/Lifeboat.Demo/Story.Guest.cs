// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Demo;

internal sealed partial class Story
{
    private static readonly (string Name, long SizeBytes, OracleFileSystem FileSystem)[] GuestDisks =
    [
        ("data0", 192L << 20, OracleFileSystem.Ext4),
        ("data1", 320L << 20, OracleFileSystem.Xfs),
        ("log0", 64L << 20, OracleFileSystem.Raw),
    ];

    private string OldDisk(string name) => Path.Combine(options.Disks, name + ".img");

    private async Task StartGuestAsync(CancellationToken ct)
    {
        var guest = await OracleGuest.BuildAsync(ct);
        Directory.CreateDirectory(options.Disks);
        foreach (var (name, size, fileSystem) in GuestDisks)
            await new OracleDisk(OldDisk(name), size, fileSystem).CreateAsync(ct);
        var workload = OracleWorkload.Default with
        {
            LoadWriters = 2, LoadKind = OracleLoadKind.Db, LoadPause = TimeSpan.FromMilliseconds(4), LoadMiB = 8,
            HostName = StoryOptions.Instance,
        };
        var request = new StartRequest
        {
            Instance = StoryOptions.Instance,
            Description = new InstanceDescription
            {
                Name = StoryOptions.Instance,
                Cpus = 1,
                MemoryMiB = 256,
                Kernel = new KernelBoot(guest.KernelFile, guest.InitrdFile, workload.CommandLine(GuestDisks.Length)),
                GuestAgent = true,
                Disks = [.. GuestDisks.Select((d, i) => new InstanceDisk(d.Name, "virtio", i, d.SizeBytes, null))],
                Nics = [new InstanceNic("default", "virtio", "52:54:00:1b:0a:01", null)],
                Channels = [new InstanceChannel("lifeboat.witness", options.WitnessSocket)],
            },
            Disks = [.. GuestDisks.Select(d => new DiskSource(d.Name, OldDisk(d.Name), null, null, KeepWrites: true))],
        };
        var file = Path.Combine(options.Directory, "db1.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(request, ContractJson.Indented), ct);
        await _a.MustAsync(["instance", "start", file], ct);
        await _witness.History.WaitForAcksAsync(StoryOptions.Instance, 50, ct).WaitAsync(TimeSpan.FromSeconds(90), ct);
        ledger.Say($"guest {StoryOptions.Instance} runs at site a and writes numbered records to "
            + $"{GuestDisks.Length} disks under load");
    }

    /// <summary>Reads the point's disks out of the site with the product's own command, as raw files.</summary>
    private async Task<OracleProof> ProveAsync(Testing.Field.FieldSite site, Guid point, string name,
        OracleExpectation expectation, CancellationToken ct)
    {
        var folder = Path.Combine(options.Proofs, name);
        Directory.CreateDirectory(folder);
        await site.MustAsync(["point", "export", StoryOptions.Group, "--point", $"{point}", "--to", folder], ct);
        var images = GuestDisks.Select(d =>
            new OracleImage(Path.Combine(folder, $"{StoryOptions.Instance}.{d.Name}.img"), d.FileSystem)).ToArray();
        var proof = await OracleChecker.CheckAsync(images,
            expectation with { Guest = StoryOptions.Instance, Witness = _witness.History }, ct);
        await File.WriteAllLinesAsync(Path.Combine(options.Proofs, name + ".txt"), proof.Lines(), ct);
        return proof;
    }

    private static string Summary(OracleProof proof) => proof.Holds
        ? $"fsck, prefix and one cut hold on {GuestDisks.Length} disks, up to record {proof.Newest}"
        : string.Join("; ", proof.Findings.Where(f => !f.Holds).Select(f => f.Text));
}

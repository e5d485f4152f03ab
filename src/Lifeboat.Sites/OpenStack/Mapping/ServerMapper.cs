// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;

namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>Maps one server: same name first, then what is nearest, then what can be made.</summary>
internal sealed partial class ServerMapper(InstanceDescription description, CloudInventory cloud, RecoveryMap told,
    Needs needs, bool isolated)
{
    private readonly CloudServer _server = CloudMapper.AsServer(description);
    private readonly List<MappedThing> _things = [];
    private readonly List<string> _gaps = [];
    private readonly List<string> _notes = [];

    public ServerMapping Map()
    {
        _gaps.AddRange(_server.Problems());
        if (_server.IsNewer)
            _gaps.Add($"its description is of a newer release (format {_server.Format}, this one writes "
                + $"{CloudServer.CurrentFormat}); what is new in it would be left out: upgrade this site");
        if (description.Kernel is not null)
            _gaps.Add("it boots a kernel file; a cloud's server boots from its first disk");
        _notes.AddRange(_server.Untold.Select(u => $"the other cloud did not tell {u}"));
        MapFlavor();
        foreach (var disk in _server.Disks) MapDisk(disk);
        if (_server.Disks.Count == 0) MapImage();
        foreach (var network in _server.Networks) MapNetwork(network);
        foreach (var port in _server.Ports) MapPort(port);
        // Nothing is made for a copy in a bubble that others could come to use.
        if (!isolated)
        {
            foreach (var group in _server.SecurityGroups) MapSecurityGroup(group);
            MapKeypair();
            MapServerGroup();
        }
        MapZone();
        return new ServerMapping(description.Name, _things, [.. _gaps.Distinct()], [.. _notes.Distinct()]);
    }

    private void MapFlavor()
    {
        var wanted = _server.Flavor;
        var usable = cloud.Flavors.Where(f => !f.Disabled).ToList();
        NovaFlavor? chosen;
        if (told.Flavors.TryGetValue(wanted.Name, out var name))
        {
            chosen = usable.FirstOrDefault(f => f.Id == name) ?? usable.FirstOrDefault(f => f.Name == name);
            if (chosen is null) _gaps.Add(NotThere("flavor", "flavors", wanted.Name, name, usable.Select(f => f.Name)));
            else Take(MappedKind.Flavor, wanted.Name, MappedBecause.Told, chosen.Id, chosen.Name);
            if (chosen is not null && !IsLargeEnough(chosen)) _notes.Add($"flavor '{chosen.Name}' is smaller than "
                + $"'{wanted.Name}' was: {Size(chosen)} instead of {Size(wanted)}");
        }
        else if (usable.FirstOrDefault(f => f.Name == wanted.Name && IsLargeEnough(f)) is { } same)
        {
            chosen = same;
            Take(MappedKind.Flavor, wanted.Name, MappedBecause.SameName, same.Id, same.Name);
        }
        else
        {
            chosen = usable.Where(IsLargeEnough).OrderBy(TooLarge).ThenBy(f => f.Name, StringComparer.Ordinal)
                .FirstOrDefault();
            if (chosen is null)
                _gaps.Add($"no flavor has {Size(wanted)} ('{wanted.Name}'); there are "
                    + (usable.Count == 0 ? "none" : string.Join(", ", usable.Select(f => $"{f.Name}: {Size(f)}"))));
            else Take(MappedKind.Flavor, wanted.Name, MappedBecause.Nearest, chosen.Id, chosen.Name);
        }
        needs.Server(chosen?.Vcpus ?? wanted.Vcpus, chosen?.Ram ?? wanted.MemoryMiB);
        if (chosen is not null) CompareSpecs(chosen);
    }

    // A recovered server boots from a volume: the flavor's own disk is not used.
    private bool IsLargeEnough(NovaFlavor flavor) => flavor.Vcpus >= _server.Flavor.Vcpus
        && flavor.Ram >= _server.Flavor.MemoryMiB && flavor.Ephemeral >= _server.Flavor.EphemeralGiB
        && flavor.Swap >= _server.Flavor.SwapMiB;

    private double TooLarge(NovaFlavor flavor) => (double)flavor.Vcpus / _server.Flavor.Vcpus
        + (double)flavor.Ram / _server.Flavor.MemoryMiB + 0.01 * (flavor.Ephemeral + flavor.Disk);

    private void CompareSpecs(NovaFlavor chosen)
    {
        var has = chosen.ExtraSpecs ?? new Dictionary<string, string>();
        foreach (var (key, value) in _server.Flavor.ExtraSpecs)
            if (has.GetValueOrDefault(key) != value)
                _notes.Add($"flavor '{chosen.Name}' has {key}={has.GetValueOrDefault(key, "(nothing)")}, "
                    + $"'{_server.Flavor.Name}' had {value}");
    }

    private void MapDisk(CloudDisk disk)
    {
        if (disk.Encrypted)
            _notes.Add($"disk '{disk.Disk}' is encrypted at the other cloud; here it is what its volume type says");
        if (disk.Shared) _notes.Add($"disk '{disk.Disk}' can be in several servers there; here it is in this one");
        needs.Volume(disk.SizeGiB, VolumeType(disk));
    }

    private string? VolumeType(CloudDisk disk)
    {
        var from = disk.Type ?? "";
        if (Find(MappedKind.VolumeType, from) is { } before) return before.To;
        var names = cloud.VolumeTypes.Select(t => t.Name).ToList();
        if (told.VolumeTypes.TryGetValue(from, out var name))
        {
            if (cloud.VolumeTypes.FirstOrDefault(t => t.Id == name || t.Name == name) is { } type)
                return Take(MappedKind.VolumeType, from, MappedBecause.Told, type.Id, type.Name);
            _gaps.Add(NotThere("volume type", "volumeTypes", from, name, names));
            return null;
        }
        // A disk of the host, or of a site without types: any will do.
        if (from.Length == 0) return cloud.DefaultType is { } usual
            ? Take(MappedKind.VolumeType, from, MappedBecause.Default, usual.Id, usual.Name) : null;
        if (cloud.VolumeTypes.FirstOrDefault(t => t.Name == from) is { } same)
            return Take(MappedKind.VolumeType, from, MappedBecause.SameName, same.Id, same.Name);
        var near = Nearest.To(from, names);
        _gaps.Add($"volume type '{from}' is unknown here; there are {List(names)}"
            + $" (options.map.volumeTypes says which one{(near is null ? "" : $"; '{near}' is near")})");
        return null;
    }

    private void MapImage()
    {
        if (_server.Image is not { } image) return;
        var found = cloud.Images.Where(i => i.Status == "active").FirstOrDefault(i => image.Hash is null
            ? i.Name == image.Name : $"{i.OsHashAlgo}:{i.OsHashValue}" == image.Hash);
        if (found is null)
            _gaps.Add($"image '{image.Name}' is not here, and it has no disk of its own to boot from");
    }

    private void MapKeypair()
    {
        if (_server.Keypair is not { } key) return;
        var same = cloud.Keypairs.FirstOrDefault(k => k.Name == key.Name);
        if (same is not null && (key.PublicKey is null || SameKey(same.PublicKey, key.PublicKey)))
            Take(MappedKind.Keypair, key.Name, MappedBecause.SameName, same.Name, same.Name);
        else if (key.PublicKey is not null && same is null)
            Take(MappedKind.Keypair, key.Name, MappedBecause.ToBeMade, null, key.Name);
        else
            // What is on its disks lets the same people in as before.
            _notes.Add(same is null ? $"key pair '{key.Name}' is not here; the server is built without"
                : $"key pair '{key.Name}' is another key here; the server is built without");
    }

    private void MapServerGroup()
    {
        if (_server.ServerGroup is not { } group) return;
        var same = cloud.ServerGroups.FirstOrDefault(g => g.Name == group.Name && g.Policy == group.Policy);
        Take(MappedKind.ServerGroup, group.Name, same is null ? MappedBecause.ToBeMade : MappedBecause.SameName,
            same?.Id, group.Name);
    }

    private void MapZone()
    {
        if (_server.AvailabilityZone is not { } zone) return;
        var usable = cloud.Zones.Where(z => z.State.Available).Select(z => z.Name).ToList();
        if (told.AvailabilityZones.TryGetValue(zone, out var name))
        {
            if (usable.Contains(name)) Take(MappedKind.AvailabilityZone, zone, MappedBecause.Told, name, name);
            else _gaps.Add(NotThere("availability zone", "availabilityZones", zone, name, usable));
        }
        else if (usable.Contains(zone))
            Take(MappedKind.AvailabilityZone, zone, MappedBecause.SameName, zone, zone);
        else _notes.Add($"availability zone '{zone}' is not here; the scheduler chooses");
    }

    private MappedThing? Find(MappedKind kind, string from) =>
        _things.FirstOrDefault(t => t.Kind == kind && t.From == from);

    private string Take(MappedKind kind, string from, MappedBecause because, string? id, string to, string? how = null,
        bool ours = false)
    {
        if (Find(kind, from) is null)
            _things.Add(new MappedThing(kind, from, because, id, to) { As = how, IsOurs = ours });
        return to;
    }

    private static string NotThere(string what, string option, string from, string to, IEnumerable<string> there) =>
        $"options.map.{option} says {what} '{to}' for '{from}', which is not here; there are {List(there)}";

    private static string List(IEnumerable<string> names) => string.Join(", ", names) is { Length: > 0 } all ? all
        : "none";

    // The comment at the end of a key says nothing of it.
    private static bool SameKey(string a, string b) => Core(a) == Core(b);

    private static string Core(string key) =>
        string.Join(' ', key.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(2));

    private static string Size(CloudFlavor f) => Size(f.Vcpus, f.MemoryMiB, f.EphemeralGiB, f.SwapMiB);

    private static string Size(NovaFlavor f) => Size(f.Vcpus, f.Ram, f.Ephemeral, f.Swap);

    private static string Size(int vcpus, int memory, int ephemeral, int swap) => $"{vcpus} vCPU, {memory} MiB"
        + (ephemeral > 0 ? $", {ephemeral} GiB ephemeral" : "") + (swap > 0 ? $", {swap} MiB swap" : "");
}

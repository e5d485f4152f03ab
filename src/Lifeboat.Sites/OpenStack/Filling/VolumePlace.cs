// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Sites.OpenStack.Filling;

/// <summary>
/// Where the volumes of one type lie, as the host of Lifeboat's agent reaches them: in a pool of Ceph, or as files in a
/// folder; or that it does not, and recovery appliances write them. Said under `options.volumes` in `site.json`, by the
/// type's name.
/// </summary>
public sealed record VolumePlace
{
    /// <summary>Cinder's RBD driver: image `volume-ID` in the pool.</summary>
    public RbdSettings? Rbd { get; init; }
    /// <summary>Cinder's file drivers (NFS): absolute path of where the share is mounted here; file
    /// `volume-ID`.</summary>
    public string? Folder { get; init; }
    /// <summary>Recovery appliances write them (<see cref="Appliances.ApplianceSettings"/>), wherever they
    /// lie.</summary>
    public bool Appliance { get; init; }
    /// <summary>Of the files in <see cref="Folder"/>: `raw`, or `qcow2` where Cinder has `nfs_qcow2_volumes`. It is not
    /// guessed: what a guest wrote at the beginning of a raw disk could look like anything.</summary>
    public string Format { get; init; } = "raw";

    /// <summary>Where a volume's content is now, as <see cref="SiteDisk.File"/> has it; not of those that appliances
    /// write.</summary>
    internal string ImageOf(string volume)
    {
        var name = $"volume-{volume}";
        return Rbd is null ? Path.Combine(Folder!, ActiveFile(name)) : DiskImage.OfRbd(Rbd, name);
    }

    /// <summary>Of what <see cref="ImageOf"/> names: what a volume with snapshots is written to is qcow2, whatever it
    /// began as.</summary>
    internal string FormatOf(string volume) =>
        Rbd is null && ActiveFile($"volume-{volume}") != $"volume-{volume}" ? "qcow2" : Format;

    // Cinder's file drivers keep beside a volume with snapshots which file of the chain is written to.
    private string ActiveFile(string name)
    {
        try
        {
            using var info = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder!, name + ".info")));
            return info.RootElement.TryGetProperty("active", out var active)
                && active.GetString() is { Length: > 0 } file ? Path.GetFileName(file) : name;
        }
        catch (FileNotFoundException)
        {
            return name;
        }
        catch (DirectoryNotFoundException)
        {
            return name;
        }
    }

    public IEnumerable<string> Problems()
    {
        if (new[] { Rbd is not null, Folder is not null, Appliance }.Count(said => said) != 1)
            yield return "say one of rbd, folder and appliance";
        if (Folder is not null && !Path.IsPathFullyQualified(Folder))
            yield return $"folder '{Folder}' is no absolute path";
        if (Format is not ("raw" or "qcow2")) yield return $"format is '{Format}'; it must be raw or qcow2";
        if (Folder is null && Format != "raw")
            yield return "format is of files; images of Ceph are raw, and an appliance is given disks";
        foreach (var problem in Rbd?.Problems() ?? []) yield return problem;
    }
}

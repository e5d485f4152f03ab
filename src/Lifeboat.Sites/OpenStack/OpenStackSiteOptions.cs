// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu.Libvirt;
using Lifeboat.Sites.OpenStack.Appliances;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Mirrors;
using Lifeboat.Sites.OpenStack.Standing;

namespace Lifeboat.Sites.OpenStack;

/// <summary>Options of the driver, under `options` in `site.json`.</summary>
public sealed record OpenStackSiteOptions
{
    public static readonly OpenStackSiteOptions Default = new();

    /// <summary>The cloud's name in `clouds.yaml`; null: `OS_CLOUD`, else the only one.</summary>
    public string? Cloud { get; init; }
    /// <summary>Path of `clouds.yaml`; null: where openstacksdk looks for it.</summary>
    public string? CloudsFile { get; init; }
    /// <summary>Whose tokens go along as service tokens: another name in `clouds.yaml`; null: nobody's.</summary>
    public string? ServiceCloud { get; init; }
    /// <summary>
    /// Who is asked what a member of the project is not told (free addresses of floating pools, room on hosts): another
    /// name in `clouds.yaml`; null: nobody. Nothing is changed with it.
    /// </summary>
    public string? AdminCloud { get; init; }
    /// <summary>
    /// As whom records of backups are exported and imported: another name in `clouds.yaml`, of an administrator in this
    /// same project, and mirrored images are taken into Cinder; null: nobody, so that volume-only groups cannot be
    /// made. Nothing else is done with it.
    /// </summary>
    public string? BackupCloud { get; init; }
    /// <summary>
    /// As whom the project itself is made here, with roles and quotas: another name in `clouds.yaml`, of an
    /// administrator of the cloud; null: nobody, so that it has to be there. Nothing else is done with it.
    /// </summary>
    public string? ProjectCloud { get; init; }
    /// <summary>From asking for a backup of a volume, or for its restore, until that is whole.</summary>
    public TimeSpan BackupLimit { get; init; } = TimeSpan.FromHours(12);
    /// <summary>The pool that rbd-mirror carries to the other cloud; null: none.</summary>
    public MirrorOptions? Mirror { get; init; }
    /// <summary>
    /// Name or id of the external network that ways into drills lead from; null: the only one that there is.
    /// </summary>
    public string? DrillExternalNetwork { get; init; }
    public RecoveryMap Map { get; init; } = new();
    /// <summary>Where volumes lie, by the name of their type; a type that is not here cannot be recovered to.</summary>
    public IReadOnlyDictionary<string, VolumePlace> Volumes { get; init; } = new Dictionary<string, VolumePlace>();
    /// <summary>Those that write volumes of types with `appliance`; null: there are none.</summary>
    public ApplianceSettings? Appliances { get; init; }
    /// <summary>
    /// Connection URI of the libvirt that the project's servers run in, as the agent reaches it, e.g.
    /// `qemu:///system`; null: servers are not captured, and their guest agents not asked.
    /// </summary>
    public string? Libvirt { get; init; }
    /// <summary>Volumes that are kept near the newest point, so that a recovery writes little; null: none
    /// are.</summary>
    public StandingOptions? Standing { get; init; }
    /// <summary>From asking for a volume until it is available.</summary>
    public TimeSpan VolumeLimit { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>From asking for a server until it is ACTIVE.</summary>
    public TimeSpan BuildLimit { get; init; } = TimeSpan.FromMinutes(10);
    /// <summary>Until a server that is to be stopped or removed is.</summary>
    public TimeSpan StopLimit { get; init; } = TimeSpan.FromMinutes(5);
    /// <summary>
    /// After this long Nova pulls the plug of a guest that does not shut down (`shutdown_timeout` of nova.conf; an
    /// image may say otherwise by `os_shutdown_timeout`).
    /// </summary>
    public TimeSpan NovaShutdownTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public IEnumerable<string> Problems()
    {
        if (AdminCloud is "") yield return "options.adminCloud is empty";
        if (BackupCloud is "") yield return "options.backupCloud is empty";
        if (ProjectCloud is "") yield return "options.projectCloud is empty";
        foreach (var (quota, limit) in Map.Quotas.Where(q => q.Value < -1))
            yield return $"options.map.quotas.{quota} is {limit}; -1 is no limit, and less is none";
        if (BackupLimit <= TimeSpan.Zero) yield return "options.backupLimit must be positive";
        if (DrillExternalNetwork is "") yield return "options.drillExternalNetwork is empty";
        if (Cloud is "") yield return "options.cloud is empty";
        if (CloudsFile is not null && !Path.IsPathFullyQualified(CloudsFile))
            yield return $"options.cloudsFile '{CloudsFile}' is no absolute path";
        if (BuildLimit <= TimeSpan.Zero) yield return "options.buildLimit must be positive";
        if (StopLimit <= TimeSpan.Zero) yield return "options.stopLimit must be positive";
        if (NovaShutdownTimeout <= TimeSpan.Zero) yield return "options.novaShutdownTimeout must be positive";
        if (VolumeLimit <= TimeSpan.Zero) yield return "options.volumeLimit must be positive";
        if (Libvirt is not null && (!LibvirtAddress.IsLike(Libvirt) || Libvirt.Contains('#')))
            yield return $"options.libvirt is '{Libvirt}'; it must be a connection URI, e.g. qemu:///system";
        foreach (var (type, place) in Volumes)
            foreach (var problem in place.Problems()) yield return $"options.volumes.{type}: {problem}";
        foreach (var problem in Appliances?.Problems() ?? []) yield return $"options.appliances: {problem}";
        if (Appliances is null && Volumes.FirstOrDefault(v => v.Value.Appliance).Key is { } written)
            yield return $"options.volumes.{written} is written by appliances, and options.appliances is missing";
        foreach (var problem in Mirror?.Problems(Volumes) ?? []) yield return $"options.mirror.{problem}";
        foreach (var problem in Standing?.Problems(Volumes) ?? []) yield return $"options.standing.{problem}";
    }
}

// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Testing.Recovery;

/// <summary>Restores volumes of points that it does not look at; what is there can be changed under whoever looks.
/// </summary>
public sealed class RestoresDouble(params string[] volumes) : IRestoresVolumes
{
    public List<SiteVolume> There { get; } = [];
    /// <summary>What is asked to go stays.</summary>
    public bool Clings { get; set; }

    public Task<IReadOnlyList<SiteVolume>> RestoreAsync(string group, Guid point, string tag, bool copies,
        Action<double> report, CancellationToken ct)
    {
        foreach (var name in volumes.Where(v => There.All(t => t.Restored!.Volume != v)))
            There.Add(new SiteVolume("id-" + name, name, 1, null, "available", [])
            {
                Restored = new RestoredMark(group, name, copies ? null : 2, tag, Whole: true),
            });
        report(1);
        return Task.FromResult<IReadOnlyList<SiteVolume>>([.. There]);
    }

    public Task<IReadOnlyList<SiteVolume>> TakeOverAsync(string group, Guid point, string tag, bool lost,
        CancellationToken ct) => RestoreAsync(group, point, tag, copies: false, _ => { }, ct);

    public Task RemoveRestoredAsync(string tag, CancellationToken ct)
    {
        if (!Clings) There.RemoveAll(v => v.Restored!.Tag == tag);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<SiteVolume>> RestoredAsync(string tag, CancellationToken ct) =>
        Task.FromResult<IReadOnlyList<SiteVolume>>([.. There.Where(v => v.Restored!.Tag == tag)]);
}

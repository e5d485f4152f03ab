// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Agents;

/// <summary>A domain of this host's libvirt.</summary>
/// <param name="Names">All that it may be known by: its name, its uuid.</param>
public sealed record DomainNames(IReadOnlyList<string> Names);

/// <summary>Lets go of all volumes of a domain, or only stands back, for what libvirt is about to do to its
/// disks.</summary>
public sealed record DomainRelease(IReadOnlyList<string> Names, ReleaseVolumeRequest Release);

/// <param name="Volumes">The domain's, captured or released, as GROUP/VOLUME. None: nobody protects it.</param>
public sealed record DomainVolumes(IReadOnlyList<string> Volumes);

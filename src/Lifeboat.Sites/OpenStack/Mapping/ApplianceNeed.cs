// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>What an appliance that is not there yet takes of the project, besides the servers that it is made
/// for.</summary>
/// <param name="RootGiB">Of the volume that it boots from; 0: from a disk of its flavor.</param>
/// <param name="Pool">Id of the external network that it gets an address of; null: none.</param>
internal sealed record ApplianceNeed(int Vcpus, int MemoryMiB, int RootGiB, string? Pool);

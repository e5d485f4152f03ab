// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Tests.Nbd;

/// <summary>Tests that look at the memory of the whole process, and so run while no other does.</summary>
[CollectionDefinition(nameof(MemoryMeasured), DisableParallelization = true)]
public sealed class MemoryMeasured;

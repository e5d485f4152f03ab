// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>What the server and we agreed on in the option phase.</summary>
internal sealed record Agreed(NbdExportInfo Info, bool Structured, IReadOnlyList<MetaContext> Contexts);
